// What the gateway is and how it is doing.
import { z } from "zod";
import type { AdminRoute } from "./route.ts";

export const statusRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/status",
    tag: "status",
    summary: "What runs here, with which configuration",
    action: "status.read",
    scope: "gateway",
    answer: z.record(z.string(), z.unknown()).meta({ id: "Status" }),
    status: 200,
    handle: async ({ services }) => ({ body: await services.status() }),
  },
];
