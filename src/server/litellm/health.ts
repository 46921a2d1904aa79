// LiteLLM's `/health`: who answers and who rests, for whoever may know it.
import { z } from "zod";
import { requirePermission } from "../admin-v1/authorize.ts";
import { parse } from "../admin-v1/resource.ts";
import { actorOf } from "../admin-v1/actor.ts";
import type { LitellmServices } from "./route.ts";

const report = z.looseObject({
  deployments: z.array(
    z.looseObject({
      scope: z.string(),
      id: z.string(),
      state: z.string(),
      sinceMs: z.number().nullable(),
    }),
  ),
});

/** What is known already: nobody is asked for it. @throws GatewayError `unauthenticated`, `forbidden` */
export async function litellmHealth(request: Request, services: LitellmServices): Promise<object> {
  requirePermission(await actorOf(request, services), "status.read", [[{}]]);
  const { deployments } = parse(report, services.health());
  const rows = deployments.filter(({ scope }) => scope === "deployment");
  const healthy = rows.filter(({ state }) => state === "closed");
  const resting = rows.filter(({ state }) => state !== "closed");
  return {
    healthy_endpoints: healthy.map(({ id }) => ({ model: id })),
    unhealthy_endpoints: resting.map(({ id, state }) => ({ model: id, error: `rests: ${state}` })),
    healthy_count: healthy.length,
    unhealthy_count: resting.length,
  };
}
