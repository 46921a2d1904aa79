// The administration API on HTTP: who asks, may they, is it well formed; then the route's handler.
import { Hono } from "hono";
import { z } from "zod";
import { type Actor, actorName } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import { backgroundFailed } from "../../lib/background.ts";
import { type ActorSource, actorOf } from "./actor.ts";
import { readBytes, readObject } from "./body.ts";
import { type OpenApiDocument, openApiDocument } from "./openapi.ts";
import { type ReferencePage, referencePage } from "./reference.ts";
import { admit, explained, run } from "./perform.ts";
import { parse } from "./resource.ts";
import type { AdminRoute, Answer, Services } from "./route.ts";
import { adminRoutes } from "./routes.ts";

export interface AdminV1Dependencies extends Services, ActorSource {}

/** Serves `/admin/v1`; errors are thrown for the app to render. */
export function createAdminV1(dependencies: AdminV1Dependencies): Hono {
  const app = new Hono({ strict: false });
  for (const route of adminRoutes) {
    app.on(route.method, route.path.replace("{id}", ":id"), async (context) => {
      const request = context.req.raw;
      const actor = await actorOf(request, dependencies);
      try {
        return await answer(dependencies, {
          route,
          request,
          actor,
          id: context.req.param("id") ?? "",
        });
      } catch (error) {
        throw explained(error);
      }
    });
  }
  for (const path of new Set(adminRoutes.map((route) => route.path))) {
    const methods = adminRoutes.filter((route) => route.path === path).map(({ method }) => method);
    app.all(path.replace("{id}", ":id"), async (context) => {
      await actorOf(context.req.raw, dependencies);
      const message = `This path takes ${methods.join(", ")}, not ${context.req.method}.`;
      throw new GatewayError("method_not_allowed", message);
    });
  }
  app.all("*", async (context) => {
    await actorOf(context.req.raw, dependencies);
    throw new GatewayError("not_found", "There is no such path. `/docs` lists all of them.");
  });
  return app;
}

/** Serves `/openapi.json` and `/docs`: what they say is in the source, so they ask for no key. */
export function createReference(): Hono {
  const app = new Hono();
  // Made when somebody reads it: it takes longer than all the rest of a start.
  let document: OpenApiDocument | undefined;
  let page: ReferencePage | undefined;
  const read = (): OpenApiDocument => (document ??= openApiDocument());
  app.get("/openapi.json", (context) => context.json(read()));
  app.get("/docs", () => {
    page ??= referencePage(read());
    return new Response(page.html, { headers: page.headers });
  });
  return app;
}

interface Asked {
  readonly route: AdminRoute;
  readonly request: Request;
  readonly actor: Actor;
  readonly id: string;
}

async function answer(services: Services, { route, request, actor, id }: Asked): Promise<Response> {
  // Before anything is read: what nobody in this role may do is refused whatever it says.
  const scope = admit(route, actor);
  const call = {
    services,
    actor,
    by: actorName(actor),
    id,
    query: readQuery(route, request),
    body: await readBody(route, request),
    scope,
    ...readMatch(route, request),
  };
  return respond(route, request, await run(route, call));
}

function respond(route: AdminRoute, request: Request, answered: Answer): Response {
  const { body, lines, version, hash } = answered;
  const headers: Record<string, string> = { "cache-control": "no-store" };
  const state = version ?? hash;
  if (state !== undefined) headers["etag"] = `"${state}"`;
  const known = request.headers.get("if-none-match");
  if (route.method === "GET" && known !== null && known === headers["etag"]) {
    return new Response(null, { status: 304, headers });
  }
  if (route.status === 204) return new Response(null, { status: 204, headers });
  if (route.media) {
    headers["content-type"] = `${route.media}; charset=utf-8`;
    headers["content-disposition"] = "attachment";
    return new Response(lines ? streamOf(lines) : String(body), { status: route.status, headers });
  }
  return Response.json(body, { status: route.status, headers });
}

/** Read on as it is read from; one that fails in the middle ends as broken, not as whole. */
function streamOf(lines: AsyncIterator<object>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await lines.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
      } catch (error) {
        backgroundFailed("an answer of many lines", error);
        controller.error(error);
      }
    },
    async cancel() {
      await lines.return?.();
    },
  });
}

function readQuery(route: AdminRoute, request: Request): unknown {
  const given: Record<string, string> = Object.create(null);
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name in given) {
      throw new GatewayError("invalid_request", `\`${name.slice(0, 60)}\` is given twice.`);
    }
    given[name] = value;
  }
  return parse(route.query ?? noQuery, { ...given });
}

const noQuery = z.strictObject({});

async function readBody(route: AdminRoute, request: Request): Promise<unknown> {
  if (!route.body) return undefined;
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  const bytes = await readBytes(request, route.maxBytes);
  if (bytes.length > 0 && type !== "application/json") {
    throw new GatewayError("unsupported_encoding", "Send the body as `application/json`.");
  }
  const object = bytes.length === 0 ? {} : readObject(bytes);
  return route.partial ? object : parse(route.body, object);
}

/** The state that `If-Match` names; undefined: any. @throws GatewayError `invalid_request` */
function readMatch(
  route: AdminRoute,
  request: Request,
): { version: number | undefined; hash: string | undefined } {
  const header = request.headers.get("if-match")?.trim();
  const none = { version: undefined, hash: undefined };
  if (header === undefined || header === "*") return none;
  const pattern = route.etag === "hash" ? /^(?:W\/)?"([0-9a-f]{32})"$/ : /^(?:W\/)?"(\d{1,9})"$/;
  const state = pattern.exec(header)?.[1];
  if (state === undefined) {
    throw new GatewayError("invalid_request", "`If-Match` must be an `ETag` that this API gave.");
  }
  return route.etag === "hash" ? { ...none, hash: state } : { ...none, version: Number(state) };
}
