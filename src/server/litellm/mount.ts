// LiteLLM's administration paths on HTTP: they change and read what `/admin/v1` does, by the same permissions.
import { Hono } from "hono";
import { actorName } from "../../access/permissions.ts";
import { GatewayError, toGatewayError } from "../../ir/error.ts";
import type { JsonObject } from "../../lib/json.ts";
import { stringify } from "../../lib/json.ts";
import type { Warning } from "../../ir/warning.ts";
import { warningsText } from "../../pipeline/warnings-header.ts";
import type { Logger } from "../../lib/log.ts";
import { actorOf } from "../admin-v1/actor.ts";
import { readBytes, readObject } from "../admin-v1/body.ts";
import { explained, perform } from "../admin-v1/perform.ts";
import { adminRoutes } from "../admin-v1/routes.ts";
import { isAdminKey } from "./admin-key.ts";
import { budgetRoutes } from "./budgets.ts";
import { cacheRoutes } from "./cache.ts";
import { customerRoutes } from "./customers.ts";
import { withExactMoney } from "./dollars.ts";
import { litellmError } from "./error.ts";
import { keyRoutes } from "./keys.ts";
import { modelRoutes } from "./models.ts";
import { organizationRoutes } from "./organizations.ts";
import type { LitellmRoute, LitellmServices, OpenRoute, Scene } from "./route.ts";
import { spendLogRoutes } from "./spend-logs.ts";
import { spendReportRoutes } from "./spend-reports.ts";
import { teamRoutes } from "./teams.ts";
import { tokenRoutes } from "./tokens.ts";
import { userRoutes } from "./users.ts";

export type LitellmDependencies = LitellmServices & { readonly log: Logger };

/** What the administration API's permissions decide. */
export const litellmRoutes: readonly LitellmRoute[] = [
  ...keyRoutes,
  ...teamRoutes,
  ...userRoutes,
  ...organizationRoutes,
  ...customerRoutes,
  ...budgetRoutes,
  ...spendLogRoutes,
  ...spendReportRoutes,
  ...cacheRoutes,
];

/** What every key of the gateway may ask. */
export const openRoutes: readonly OpenRoute[] = [...modelRoutes, ...tokenRoutes];

export function createLitellm(dependencies: LitellmDependencies): Hono {
  const app = new Hono({ strict: false });
  for (const route of litellmRoutes) {
    app.on(route.method, route.path.replace("{name}", ":name"), (context) =>
      administer(dependencies, route, context.req.raw, context.req.param("name") ?? ""),
    );
  }
  for (const route of openRoutes) {
    app.on(route.method, route.path, async (context) => {
      const request = context.req.raw;
      const principal = isAdminKey(request, dependencies)
        ? null
        : await dependencies.authenticate(request);
      const body = route.method === "GET" ? {} : await readJson(request);
      const query = readQuery(request);
      return json(await route.handle({ services: dependencies, principal, query, body }), []);
    });
  }
  // Whoever watches over processes asks these without a key.
  for (const path of ["/health/liveliness", "/health/liveness"]) {
    app.get(path, (context) => context.json("I'm alive!"));
  }
  app.get("/health/readiness", async (context) =>
    (await dependencies.ready())
      ? context.json({ status: "healthy", db: "connected" })
      : context.json({ status: "unhealthy", db: "Not connected" }, 503, { "retry-after": "1" }),
  );
  const all = [...litellmRoutes, ...openRoutes];
  for (const path of new Set(all.map((route) => route.path))) {
    const methods = all.filter((route) => route.path === path).map(({ method }) => method);
    app.all(path.replace("{name}", ":name"), (context) => {
      const message = `This path takes ${methods.join(", ")}, not ${context.req.method}.`;
      throw new GatewayError("method_not_allowed", message);
    });
  }
  app.onError((thrown) => {
    const error = toGatewayError(explained(thrown));
    if (error.code === "internal") dependencies.log.error("request.failed", {}, thrown);
    return litellmError(error);
  });
  return app;
}

async function administer(
  services: LitellmServices,
  route: LitellmRoute,
  request: Request,
  name: string,
): Promise<Response> {
  const actor = await actorOf(request, services);
  const warnings: Warning[] = [];
  const scene: Scene = {
    services,
    actor,
    by: actorName(actor),
    name,
    query: readQuery(request),
    body: route.method === "GET" ? {} : await readJson(request),
    warn(field, reason) {
      warnings.push({ field, reason, target: "litellm" });
    },
    async perform(method, path, asked = {}) {
      const found = adminRoutes.find((each) => each.method === method && each.path === path);
      if (!found) throw new Error(`\`${method} ${path}\` is no route of the administration API`);
      return perform(services, found, { actor, ...asked });
    },
  };
  return json(await route.handle(scene), warnings);
}

function json(body: unknown, warnings: readonly Warning[]): Response {
  return new Response(stringify(body), {
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      ...(warnings.length > 0 && { "x-megallm-warnings": warningsText(warnings) }),
    },
  });
}

function readQuery(request: Request): Readonly<Record<string, string>> {
  const given: Record<string, string> = Object.create(null);
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name in given) {
      throw new GatewayError("invalid_request", `\`${name.slice(0, 60)}\` is given twice.`);
    }
    given[name] = value;
  }
  return given;
}

/** An empty body is an empty object. @throws GatewayError `invalid_request`, `too_large` */
async function readJson(request: Request): Promise<JsonObject> {
  const bytes = await readBytes(request);
  if (bytes.length === 0) return {};
  return withExactMoney(new TextDecoder().decode(bytes), readObject(bytes));
}
