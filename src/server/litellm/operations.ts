// LiteLLM's allowed routes, as the operations that a key may ask for.
import { adminOperation } from "../admin-v1/actor.ts";
import { matchTemplate, plainRoutes } from "../dialect-routes.ts";
import type { Scene } from "./route.ts";

/**
 * Undefined: as it was; null: all. What has no counterpart here is left out and told, so the list never lets more
 * through than it says.
 */
export function operationsFor(
  scene: Scene,
  routes: readonly string[] | null | undefined,
  type?: string | null,
): string[] | null | undefined {
  const wished = routes?.length ? routes : byType[type ?? ""];
  if (!wished) return routes === undefined ? undefined : null;
  const found = new Set<string>();
  for (const route of wished) {
    const operations = operationsOf(route);
    for (const operation of operations) found.add(operation);
    if (operations.length === 0) {
      scene.warn("allowed_routes", `\`${route.slice(0, 60)}\` is no operation of a key here`);
    }
  }
  return [...found];
}

const byType: Readonly<Record<string, readonly string[]>> = {
  llm_api: ["llm_api_routes"],
  management: ["management_routes"],
  read_only: ["info_routes"],
};

function operationsOf(route: string): readonly string[] {
  if (route === "llm_api_routes" || route === "openai_routes") return ["*"];
  if (route === "management_routes") return [adminOperation];
  // Every key may ask for itself.
  if (route === "info_routes") return ["info"];
  const plain = plainRoutes.find(({ path }) => path === route || `${path}/` === route);
  const asked = plain?.asked ?? matchTemplate(route)?.asked;
  return asked ? [asked.operation] : [];
}
