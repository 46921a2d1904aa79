// The administration API on HTTP: who asks, may they, is it well formed; then the route's handler.
import { Hono } from "hono";
import { z } from "zod";
import { type Actor, actorName, scopeOf } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import { JsonError, parseObject, scan } from "../../lib/json.ts";
import { StoreError } from "../../store/store.ts";
import { type ActorSource, actorOf } from "./actor.ts";
import { forbidden, requirePermission } from "./authorize.ts";
import { openApiDocument } from "./openapi.ts";
import { referencePage } from "./reference.ts";
import { parse } from "./resource.ts";
import type { AdminRoute, Answer, Services } from "./route.ts";
import { adminRoutes } from "./routes.ts";

export interface AdminV1Dependencies extends Services, ActorSource {}

const maxBodyBytes = 256 * 1024;
/** An update that was decided on a version which is gone by the time it is written is decided again. */
const maxTries = 5;

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
  const document = openApiDocument();
  const page = referencePage(document);
  app.get("/openapi.json", (context) => context.json(document));
  app.get("/docs", () => new Response(page.html, { headers: page.headers }));
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
  const scope = scopeOf(actor, route.action);
  const beginsSomething = route.method === "POST" && !route.path.includes("{id}");
  if (scope === null && (route.scope !== "handler" || beginsSomething)) {
    throw forbidden(route.action);
  }
  if (route.scope === "gateway") requirePermission(actor, route.action, [[{}]]);
  const call = {
    services,
    actor,
    by: actorName(actor),
    id,
    query: readQuery(route, request),
    body: await readBody(route, request),
    scope: scope === "all" || scope === null ? undefined : scope,
    version: readVersion(request),
  };
  for (let tried = 1; ; tried += 1) {
    try {
      return respond(route, request, await route.handle(call));
    } catch (error) {
      const outrun = error instanceof GatewayError && error.code === "precondition_failed";
      if (!outrun || call.version !== undefined) throw error;
      if (tried === maxTries) {
        throw new GatewayError("conflict", "It is being changed by others. Try again.");
      }
    }
  }
}

function respond(route: AdminRoute, request: Request, { body, version }: Answer): Response {
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (version !== undefined) headers["etag"] = `"${version}"`;
  const known = request.headers.get("if-none-match");
  if (route.method === "GET" && known !== null && known === headers["etag"]) {
    return new Response(null, { status: 304, headers });
  }
  if (route.status === 204) return new Response(null, { status: 204, headers });
  return Response.json(body, { status: route.status, headers });
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
  const bytes = await readBytes(request);
  if (bytes.length > 0 && type !== "application/json") {
    throw new GatewayError("unsupported_encoding", "Send the body as `application/json`.");
  }
  const object = bytes.length === 0 ? {} : readObject(bytes);
  return route.partial ? object : parse(route.body, object);
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > maxBodyBytes) {
      throw new GatewayError("too_large", `The body is larger than ${maxBodyBytes / 1024} KB.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function readObject(bytes: Uint8Array): unknown {
  try {
    // Refuses what stands twice: which of the two counts would be anybody's guess.
    scan(bytes);
    return parseObject(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("invalid_request", `The body is not JSON: ${error.message}.`);
  }
}

/** The version that `If-Match` names; undefined: any. @throws GatewayError `invalid_request` */
function readVersion(request: Request): number | undefined {
  const header = request.headers.get("if-match")?.trim();
  if (header === undefined || header === "*") return undefined;
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(header)?.[1];
  if (version === undefined) {
    throw new GatewayError("invalid_request", "`If-Match` must be an `ETag` that this API gave.");
  }
  return Number(version);
}

/** Failures of the database as what the caller can do about them. */
function explained(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  switch (error.code) {
    case "store_unavailable":
    case "closed":
      return new GatewayError("unavailable", "The database does not take changes now. Try again.", {
        retryAfterMs: 1_000,
        cause: error,
      });
    case "wrong_secret":
      return new GatewayError("unavailable", error.message, { cause: error });
    case "invalid_row":
    case "damaged":
    case "newer_schema":
    case "older_schema":
    case "not_ours":
    case "locked":
      return error;
    default:
      return error.code satisfies never;
  }
}
