// What models' clients ask: every route in order, on one page. All others are in management.ts.
import { type Context, Hono } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import type { Access, Principal } from "../access/authenticate.ts";
import { reachOf } from "../access/reach.ts";
import type { Config } from "../config/config.ts";
import type { Asked } from "../pipeline/inbound.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import type { Logger } from "../lib/log.ts";
import { peerOf } from "../lib/peer.ts";
import type { ListedModel } from "../routing/listing.ts";
import type { Router } from "../routing/router.ts";
import type { AdminDependencies } from "./admin.ts";
import { matchTemplate, openRouterRoutes, plainRoutes } from "./dialect-routes.ts";
import { type Doors, mountDoors } from "./doors.ts";
import { errorAnswer } from "./error-answer.ts";
import { familyOf, modelList, oneModel } from "./models.ts";
import { createOllama } from "./ollama.ts";

export interface AppDependencies {
  log: Logger;
  /** What the newest configuration gives. */
  current(): { config: Config; access: Access; router: Router };
  handle(request: Request, asked: Asked): Promise<Response>;
  doors: Doors;
  /** False while starting, draining, or when the store cannot be written. */
  ready(): Promise<boolean>;
  admin: AdminDependencies;
}

export function createApp(dependencies: AppDependencies): Hono {
  const { current, handle, ready, log } = dependencies;
  // The default tries another router first, which cannot have names beside words (`/responses/:id`).
  const app = new Hono({ strict: false, router: new TrieRouter() });
  const authenticate = (request: Request): Promise<Principal> =>
    current().access.authenticate(request);
  const { admin } = dependencies;
  const administration = {
    ...admin,
    admin,
    adminKey: admin.key,
    address: peerOf,
    rules: () => current().config.rules,
    log,
    current,
    authenticate,
    ready,
  };

  app.get("/health", async (context) => {
    const request = context.req.raw;
    const asksLitellm = hasCredential(request) && current().config.compat.litellm;
    if (!asksLitellm) return context.json({ status: "ok" });
    const { litellmHealth } = await import("./litellm/health.ts");
    return context.json(await litellmHealth(request, administration));
  });
  app.get("/health/live", (context) => context.json({ status: "ok" }));
  app.get("/health/ready", async (context) =>
    (await ready())
      ? context.json({ status: "ready" })
      : context.json({ status: "not ready" }, 503, { "retry-after": "1" }),
  );

  // Claude Code asks this at its start, without a key.
  app.get("/api/hello", (context) => context.json({ message: "hello" }));

  const models = async (request: Request): Promise<readonly ListedModel[]> =>
    current().router.list(reachOf(await authenticate(request)));
  // Clients disagree about whether the base URL ends in `/v1`: both paths work, as for the dialects' own.
  app.on("GET", ["/v1/models", "/models", "/v1beta/models"], async (context) => {
    const { headers } = context.req.raw;
    const url = new URL(context.req.url);
    const family = url.pathname.startsWith("/v1beta/") ? "gemini" : familyOf(headers);
    return context.json((await modelList(await models(context.req.raw), url, family)) as object);
  });
  const byId = ["/v1/models/:id{.+}", "/models/:id{.+}", "/v1beta/models/:id{.+}"];
  app.on("GET", byId, async (context) => {
    const { headers } = context.req.raw;
    const family = context.req.path.startsWith("/v1beta/") ? "gemini" : familyOf(headers);
    const id = context.req.param("id") ?? "";
    return context.json((await oneModel(await models(context.req.raw), id, family)) as object);
  });
  app.route(
    "/api",
    createOllama({
      authenticate,
      models,
    }),
  );

  // Agents try a WebSocket here first; this answer, and no other, makes them fall back at once.
  app.on("GET", ["/v1/responses", "/responses"], () => {
    throw new GatewayError("upgrade_required", "WebSocket sessions are not served; use POST.");
  });
  // Sessions begin in the listener: where there is none, there are no sockets.
  app.on("GET", ["/v1/realtime", "/realtime"], () => {
    const message = "This is a WebSocket endpoint: send an upgrade to the gateway's own listener.";
    throw new GatewayError("upgrade_required", message);
  });

  const routes = [...plainRoutes, ...openRouterRoutes];
  for (const { method, path, asked } of routes) {
    app.on(method, path, (context) => handle(context.req.raw, asked));
  }
  for (const { path } of routes) {
    const allow = routes.filter((route) => route.path === path).map((route) => route.method);
    app.all(path, (context) => {
      const message = `${path} takes ${allow.join(" or ")}, not ${context.req.method}.`;
      return errorAnswer(new GatewayError("method_not_allowed", message), context.req.raw, allow);
    });
  }

  mountDoors(app, dependencies.doors);

  app.get("/", (context) =>
    context.json({ name: "megallm", health: "/health", models: "/v1/models" }),
  );
  const failed = (thrown: unknown, context: Context): Response => {
    const error = toGatewayError(thrown);
    if (error.code === "internal") log.error("request.failed", {}, thrown);
    return errorAnswer(error, context.req.raw);
  };
  const loadManagement = async (): Promise<Hono> => {
    const { createManagement } = await import("./management.ts");
    const loaded = createManagement({ ...administration, models });
    loaded.notFound((context) =>
      errorAnswer(
        new GatewayError("not_found", notFoundMessage(context.req.method, context.req.path)),
        context.req.raw,
      ),
    );
    loaded.onError(failed);
    return loaded;
  };
  // Made when somebody first asks for it: to build its schemas was a third of the time to start.
  let management: Promise<Hono> | undefined;
  app.notFound(async (context) => {
    const found = matchTemplate(new URL(context.req.url).pathname);
    if (!found) return (await (management ??= loadManagement())).fetch(context.req.raw);
    if (found.method === context.req.method) return handle(context.req.raw, found.asked);
    const message = `${found.path} takes ${found.method}, not ${context.req.method}.`;
    const error = new GatewayError("method_not_allowed", message);
    return errorAnswer(error, context.req.raw, [found.method]);
  });
  app.onError(failed);
  return app;
}

/** Whether it says at all who asks. */
const hasCredential = ({ headers }: Request): boolean =>
  ["authorization", "x-api-key", "api-key"].some((name) => headers.has(name));

const notFoundMessage = (method: string, path: string): string =>
  `${method} ${path.slice(0, 200)} is not served here. Chat is at POST /v1/chat/completions (OpenAI) and POST /v1/messages (Anthropic); GET /v1/models lists the models.`;
