// Every route of the HTTP surface, in order, on one page.
import { Hono } from "hono";
import type { Access } from "../access/authenticate.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { createId } from "../lib/id.ts";
import type { Logger } from "../lib/log.ts";
import type { Router } from "../routing/router.ts";
import { type AdminDependencies, createAdmin } from "./admin.ts";
import { modelList, oneModel, wantsAnthropic } from "./models.ts";

export interface AppDependencies {
  log: Logger;
  /** What the newest configuration gives. */
  current(): { access: Access; router: Router };
  handle(request: Request, route: { dialect: Dialect; operation: Operation }): Promise<Response>;
  /** False while starting, draining, or when the store cannot be written. */
  ready(): Promise<boolean>;
  admin: AdminDependencies;
}

export function createApp(dependencies: AppDependencies): Hono {
  const { current, handle, ready, log } = dependencies;
  const app = new Hono({ strict: false });

  app.get("/health", (context) => context.json({ status: "ok" }));
  app.get("/health/live", (context) => context.json({ status: "ok" }));
  app.get("/health/ready", async (context) =>
    (await ready())
      ? context.json({ status: "ready" })
      : context.json({ status: "not ready" }, 503, { "retry-after": "1" }),
  );

  app.get("/v1/models", async (context) => {
    current().access.authenticate(context.req.raw.headers);
    const url = new URL(context.req.url);
    const models = await current().router.list();
    return context.json(modelList(models, url, wantsAnthropic(context.req.raw.headers)) as object);
  });
  app.get("/v1/models/:id{.+}", async (context) => {
    current().access.authenticate(context.req.raw.headers);
    const models = await current().router.list();
    const id = context.req.param("id");
    return context.json(oneModel(models, id, wantsAnthropic(context.req.raw.headers)) as object);
  });

  for (const dialect of Object.values(dialects)) {
    for (const { method, path, operation } of dialect.routes) {
      app.on(method, path, (context) => handle(context.req.raw, { dialect, operation }));
    }
  }

  // Agents try a WebSocket here first; this answer, and no other, makes them fall back at once.
  app.get("/v1/responses", () => {
    throw new GatewayError("upgrade_required", "WebSocket sessions are not served; use POST.");
  });

  app.route("/admin", createAdmin(dependencies.admin));

  app.get("/", (context) =>
    context.json({ name: "megallm", health: "/health", models: "/v1/models" }),
  );
  app.notFound((context) =>
    errorAnswer(
      new GatewayError("not_found", notFoundMessage(context.req.method, context.req.path)),
      context.req.raw,
    ),
  );
  app.onError((thrown, context) => {
    const error = toGatewayError(thrown);
    if (error.code === "internal") log.error("request.failed", {}, thrown);
    return errorAnswer(error, context.req.raw);
  });
  return app;
}

const notFoundMessage = (method: string, path: string): string =>
  `${method} ${path.slice(0, 200)} is not served here. Chat is at POST /v1/chat/completions (OpenAI) and POST /v1/messages (Anthropic); GET /v1/models lists the models.`;

/** An error outside the pipeline, in the shape the client's SDK reads. */
export function errorAnswer(error: GatewayError, request: Request): Response {
  const requestId = createId("req");
  const dialect = dialects[wantsAnthropic(request.headers) ? "anthropic-messages" : "openai-chat"];
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "x-request-id": requestId,
  };
  if (error.status === 405) headers["allow"] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
  if (error.status === 426) Object.assign(headers, { upgrade: "HTTP/1.1", connection: "upgrade" });
  return new Response(dialect.error.encode(error, requestId), { status: error.status, headers });
}
