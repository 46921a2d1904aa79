// What no model's client asks for: administration, its reference, other gateways' administration, tools.
import { Hono } from "hono";
import { createAdmin } from "./admin.ts";
import { createAdminV1, createReference } from "./admin-v1/mount.ts";
import type { AppDependencies } from "./app.ts";
import { createFeedback } from "./feedback.ts";
import { createLitellm, type LitellmDependencies } from "./litellm/mount.ts";
import { createOpenRouter, type OpenRouterDependencies } from "./openrouter.ts";
import { createTranslate } from "./translate.ts";

export interface ManagementDependencies
  extends Omit<LitellmDependencies, "current">, Pick<AppDependencies, "admin" | "current"> {
  models: OpenRouterDependencies["models"];
}

/** These routes in order; what they do not know and what they throw is for the app. */
export function createManagement(dependencies: ManagementDependencies): Hono {
  const { admin, current } = dependencies;
  const app = new Hono({ strict: false });
  app.route("/admin/v1", createAdminV1(dependencies));
  app.route("/admin", createAdmin(admin));
  app.route("/", createReference());
  app.route("/", createLitellm(dependencies));
  app.route("/api/v1", createOpenRouter(dependencies));
  app.route("/v1/translate", createTranslate(dependencies));
  for (const path of ["/v1/feedback", "/feedback"]) {
    app.route(path, createFeedback({ current, store: admin.store }));
  }
  return app;
}
