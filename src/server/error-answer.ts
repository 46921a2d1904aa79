// Errors outside the pipeline, in the shape the client's SDK reads.
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { GatewayError } from "../ir/error.ts";
import { createId } from "../lib/id.ts";
import { dialectOfPath } from "./dialect-routes.ts";
import { familyOf } from "./models.ts";

const allMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** An error outside the pipeline, in the shape the client's SDK reads. `allow`: the methods that the path takes. */
export function errorAnswer(
  error: GatewayError,
  request: Request,
  allow: readonly string[] = allMethods,
): Response {
  const requestId = createId("req");
  const spoken = spokenBy(request).error;
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "x-request-id": requestId,
    ...spoken.headers?.(error),
  };
  if (error.status === 405) headers["allow"] = allow.join(", ");
  if (error.status === 426) Object.assign(headers, { upgrade: "HTTP/1.1", connection: "upgrade" });
  const body = spoken.encode(error, requestId);
  return new Response(body, { status: error.status, headers });
}

/** The client's dialect: by the path where that belongs to one, else by the headers its SDK sends. */
function spokenBy(request: Request): Dialect {
  const path = URL.parse(request.url)?.pathname ?? "";
  return dialectOfPath(path) ?? dialects[familyOf(request.headers)];
}
