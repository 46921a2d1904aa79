// The doors besides the dialects' own paths: objects that providers keep, kept answers, and the providers' own APIs.
import type { Hono } from "hono";
import { dialects } from "../dialects/index.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { KeptCall } from "../pipeline/kept-answers.ts";
import type { ThroughCall } from "../pipeline/through.ts";
import { errorAnswer } from "./error-answer.ts";
import { familyOf } from "./models.ts";

export interface Doors {
  through(request: Request, call: ThroughCall): Promise<Response>;
  kept(request: Request, call: KeptCall): Promise<Response>;
  passThrough(request: Request, call: { provider: string; path: string }): Promise<Response>;
}

interface ObjectDoor {
  path: string;
  operation: Operation;
  /** The dialect whose clients ask here; absent: their headers tell. */
  dialect?: Dialect;
}

const objectDoors: readonly ObjectDoor[] = [
  { path: "/messages/batches", operation: "batches", dialect: dialects["anthropic-messages"] },
  { path: "/files", operation: "files" },
  { path: "/batches", operation: "batches", dialect: dialects["openai-chat"] },
  { path: "/uploads", operation: "uploads", dialect: dialects["openai-chat"] },
];

const methods = ["GET", "POST", "DELETE"];

/** Mounts them. Clients disagree about whether the base URL ends in `/v1`: both paths work. */
export function mountDoors(app: Hono, { through, kept, passThrough }: Doors): void {
  for (const { path, operation, dialect } of objectDoors) {
    for (const prefix of ["/v1", ""]) {
      const serve = (request: Request): Promise<Response> | Response => {
        const refusal = wrongMethod(request, methods);
        if (refusal) return refusal;
        const below = pathOf(request).slice(prefix.length);
        const speaks = dialect ?? dialects[familyOf(request.headers)];
        return through(request, { dialect: speaks, operation, path: below });
      };
      app.all(prefix + path, (context) => serve(context.req.raw));
      app.all(`${prefix + path}/*`, (context) => serve(context.req.raw));
    }
  }

  const keeper = Object.values(dialects).find(({ state }) => state);
  for (const prefix of keeper ? ["/v1", ""] : []) {
    const serve = (request: Request): Promise<Response> | Response => {
      const refusal = wrongMethod(request, methods);
      const path = pathOf(request).slice(prefix.length);
      return refusal ?? kept(request, { dialect: keeper ?? dialects["openai-chat"], path });
    };
    app.all(`${prefix}/responses/:id`, (context) => serve(context.req.raw));
    app.all(`${prefix}/responses/:id/:part`, (context) => serve(context.req.raw));
  }

  app.all("/providers/:provider/*", (context) => {
    const request = context.req.raw;
    if (request.headers.get("upgrade")?.toLowerCase() === "websocket") {
      const message = "WebSocket sessions are not passed through; see /v1/realtime.";
      throw new GatewayError("upgrade_required", message);
    }
    const [, provider = "", path = ""] = /^\/providers\/([^/]+)(\/.*)$/.exec(pathOf(request)) ?? [];
    return passThrough(request, { provider: decoded(provider), path });
  });
}

/** As it stands in the URL, escapes and all. */
const pathOf = (request: Request): string => new URL(request.url).pathname;

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function wrongMethod(request: Request, allow: readonly string[]): Response | undefined {
  if (allow.includes(request.method)) return undefined;
  const message = `${pathOf(request).slice(0, 200)} takes ${allow.join(", ")}, not ${request.method}.`;
  return errorAnswer(new GatewayError("method_not_allowed", message), request, allow);
}
