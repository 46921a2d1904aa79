// LiteLLM's paths of the cache: whether it works, and how single answers or all are forgotten.
import { z } from "zod";
import { requirePermission } from "../admin-v1/authorize.ts";
import { parse } from "../admin-v1/resource.ts";
import type { LitellmRoute } from "./route.ts";

const deletion = z.object({ keys: z.array(z.string().min(1).max(200)).min(1).max(100) });

const isKey = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export const cacheRoutes: readonly LitellmRoute[] = [
  {
    method: "GET",
    path: "/cache/ping",
    async handle(scene) {
      // Reading it is what can fail.
      await scene.perform("GET", "/cache");
      return { status: "healthy", cache_type: "megallm", ping_response: true };
    },
  },
  {
    method: "POST",
    path: "/cache/delete",
    async handle(scene) {
      requirePermission(scene.actor, "cache.clear", [[{}]]);
      const { keys } = parse(deletion, scene.body);
      // What is no key of this cache is not in it.
      for (const key of keys.filter(isKey)) {
        await scene.perform("DELETE", "/cache", { query: { key } });
      }
      return { status: "success" };
    },
  },
  {
    method: "POST",
    path: "/cache/flushall",
    async handle(scene) {
      await scene.perform("DELETE", "/cache");
      return { status: "success" };
    },
  },
];
