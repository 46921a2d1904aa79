// What `POST /admin/explain` takes: a client's request written down in JSON, read as it would be at its path.
import { dialects } from "../dialects/index.ts";
import { recognise } from "../dialects/recognise.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject, JsonError, type Member, parse, parseObject, scan } from "../lib/json.ts";
import { withoutMembers } from "../lib/json-members.ts";
import type { ExplainCall } from "../pipeline/explain.ts";
import type { Asked } from "../pipeline/inbound.ts";
import { matchTemplate, plainRoutes } from "./dialect-routes.ts";

/** Largest request that is explained. */
export const maxExplainBytes = 32 * 1024 * 1024;

const memberNames = ["path", "headers", "body", "key"] as const;
type MemberName = (typeof memberNames)[number];

/**
 * `body` is the client's body as it is, or its text; `path` is told by the body's shape where it is not said.
 * @throws GatewayError `invalid_request`
 */
export function readExplainCall(bytes: Uint8Array): ExplainCall {
  const members = orInvalid(() => scan(bytes));
  const stranger = [...members.keys()].find((name) => !memberNames.some((known) => known === name));
  if (stranger !== undefined) {
    throw refused(
      `\`${stranger.slice(0, 60)}\` is no member here. There are ${memberNames.join(", ")}.`,
    );
  }
  const textOf = ({ value: { start, end } }: Member): string =>
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
  const read = (name: MemberName): unknown => {
    const member = members.get(name);
    return member && (orInvalid(() => parse(textOf(member))) ?? undefined);
  };
  const word = (name: "path" | "key"): string | undefined => {
    const value = read(name);
    if (value === undefined || typeof value === "string") return value;
    throw refused(`\`${name}\` must be a string.`, name);
  };
  const written = members.get("body");
  if (!written) {
    throw refused(
      "`body` is missing: the JSON body of the request that is to be explained.",
      "body",
    );
  }
  const { start, end } = written.value;
  const text = bytes[start] === 0x22 ? read("body") : undefined;
  const body = typeof text === "string" ? Buffer.from(text) : bytes.subarray(start, end);
  const headers = headersIn(read("headers"));
  const key = word("key");
  const path = word("path");
  const found: Found = path === undefined ? byShape(body) : { ...atPath(path), body };
  return {
    asked: found.asked,
    request: new Request(found.url, { method: "POST", headers }),
    bytes: found.body,
    ...(found.assumed !== undefined && { assumed: found.assumed }),
    ...(key !== undefined && { key }),
  };
}

const refused = (message: string, param?: string): GatewayError =>
  new GatewayError("invalid_request", message, { ...(param !== undefined && { param }) });

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw refused(
      `What is sent here must be a JSON object such as { "path": "/v1/chat/completions", "body": { … } }: ${error.message}.`,
    );
  }
}

function headersIn(value: unknown): Headers {
  const headers = new Headers();
  if (value === undefined) return headers;
  if (!isObject(value)) throw refused("`headers` must be an object of strings.", "headers");
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string") {
      throw refused(`\`headers.${name.slice(0, 100)}\` must be a string.`, "headers");
    }
    try {
      headers.set(name, text);
    } catch {
      throw refused(`\`headers.${name.slice(0, 100)}\` is no HTTP header.`, "headers");
    }
  }
  return headers;
}

/** @throws GatewayError `invalid_request` where no such request is served */
function atPath(path: string): { asked: Asked; url: string } {
  if (path.startsWith("/") && URL.canParse(path, "http://localhost")) {
    const { href, pathname } = new URL(path, "http://localhost");
    const plain = pathname.replace(/(?<=.)\/$/, "");
    const found =
      plainRoutes.find((route) => route.method === "POST" && route.path === plain) ??
      matchTemplate(pathname);
    if (found?.method === "POST") return { asked: found.asked, url: href };
  }
  throw refused(
    `\`${path.slice(0, 200)}\` is no path whose requests can be explained, such as \`/v1/chat/completions\` or \`/v1/messages\`.`,
    "path",
  );
}

interface Found {
  asked: Asked;
  url: string;
  body: Uint8Array;
  assumed?: string;
}

/** The chat path of the dialect that the body seems to be written in. */
function byShape(body: Uint8Array): Found {
  const json = objectIn(body);
  const { by, dialect: id } = recognise(json);
  const dialect = dialects[id];
  const why = by === null ? "the most common one" : `told by ${by}`;
  const assumed = `read as ${id} (${why}), since no path was said`;
  const named = json["model"] ?? json["modelId"];
  const model = typeof named === "string" ? named : "";
  const streams = json["stream"] === true;
  const routes = dialect.routes.filter((route) => route.operation === "chat" && !route.envelope);
  const route = routes.find(({ stream = streams }) => stream === streams) ?? routes[0];
  const path = route?.path ?? "";
  if (!path.includes("{model}")) return { ...atPath(path), body, assumed };
  if (model === "") {
    const message = `A ${dialect.id} request has its model in its path: say \`path\`, or put \`model\` into the body.`;
    throw refused(message, "path");
  }
  return {
    ...atPath(path.replace("{model}", encodeURIComponent(model))),
    body: withoutMembers(body, ["model", "modelId", "stream"]),
    assumed,
  };
}

/** What cannot be read is explained later, by whoever reads it. */
function objectIn(body: Uint8Array): Record<string, unknown> {
  try {
    return parseObject(Buffer.from(body).toString("utf8"));
  } catch (error) {
    if (error instanceof JsonError) return {};
    throw error;
  }
}
