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

  // Claude Code asks this at its start, without a key.
  app.get("/api/hello", (context) => context.json({ message: "hello" }));

  // Clients disagree about whether the base URL ends in `/v1`: both paths work, as for the dialects' own.
  app.on("GET", ["/v1/models", "/models"], async (context) => {
    current().access.authenticate(context.req.raw.headers);
    const url = new URL(context.req.url);
    const models = await current().router.list();
    return context.json(modelList(models, url, wantsAnthropic(context.req.raw.headers)) as object);
  });
  app.on("GET", ["/v1/models/:id{.+}", "/models/:id{.+}"], async (context) => {
    current().access.authenticate(context.req.raw.headers);
    const models = await current().router.list();
    const id = context.req.param("id") ?? "";
    return context.json(oneModel(models, id, wantsAnthropic(context.req.raw.headers)) as object);
  });

  for (const { dialect, method, path, operation } of served) {
    app.on(method, path, (context) => handle(context.req.raw, { dialect, operation }));
  }
  for (const { path } of served) {
    const allow = served.filter((route) => route.path === path).map((route) => route.method);
    app.all(path, (context) => {
      const message = `${path} takes ${allow.join(" or ")}, not ${context.req.method}.`;
      return errorAnswer(new GatewayError("method_not_allowed", message), context.req.raw, allow);
    });
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

/** Every route of every dialect. */
const served = Object.values(dialects).flatMap((dialect) =>
  dialect.routes.map((route) => ({ dialect, ...route })),
);

const allMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** An error outside the pipeline, in the shape the client's SDK reads. `allow`: the methods that the path takes. */
export function errorAnswer(
  error: GatewayError,
  request: Request,
  allow: readonly string[] = allMethods,
): Response {
  const requestId = createId("req");
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "x-request-id": requestId,
  };
  if (error.status === 405) headers["allow"] = allow.join(", ");
  if (error.status === 426) Object.assign(headers, { upgrade: "HTTP/1.1", connection: "upgrade" });
  const body = spokenBy(request).error.encode(error, requestId);
  return new Response(body, { status: error.status, headers });
}

/** The client's dialect: by the path where that belongs to one, else by the headers its SDK sends. */
function spokenBy(request: Request): Dialect {
  const path = URL.parse(request.url)?.pathname ?? "";
  const route = served.find((each) => path === each.path || path.startsWith(`${each.path}/`));
  const byHeaders = wantsAnthropic(request.headers) ? "anthropic-messages" : "openai-chat";
  return route?.dialect ?? dialects[byHeaders];
}
