// One exchange with a token or metadata server: its answer, or an error that names the server and no secret.
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject, parse } from "../../lib/json.ts";
import type { Credentials, TokenRequest } from "../provider.ts";

/** Something is missing or was refused. */
export const authFailure = (
  message: string,
  more: { cause?: unknown; status?: number; body?: string } = {},
): GatewayError =>
  new GatewayError("upstream_auth", message, {
    cause: more.cause,
    ...(more.status !== undefined && {
      upstream: { status: more.status, ...(more.body !== undefined && { body: more.body }) },
    }),
  });

/** How much of a refusal the operator's log gets. */
const maxShown = 1_000;

/**
 * The text of a successful answer.
 * @param server how messages name it, e.g. `AWS STS`
 * @throws GatewayError `upstream_auth` when it refuses; `upstream_unavailable` (or what the egress said) when it is down.
 */
export async function ask(
  credentials: Credentials,
  server: string,
  request: TokenRequest,
): Promise<string> {
  const { status, text } = await reach(credentials, server, request);
  if (status >= 200 && status < 300) return text;
  const word = codeOf(text);
  const said = `status ${status}${word === undefined ? "" : `, \`${word}\``}`;
  if (status >= 500 || status === 429) {
    throw new GatewayError("upstream_unavailable", `${server} gives no token now (${said}).`, {
      upstream: { status },
    });
  }
  throw authFailure(`${server} refused to give a token (${said}).`, {
    status,
    body: withoutSecrets(text, request, credentials).slice(0, maxShown),
  });
}

/** The same, for answers that are JSON objects. @throws GatewayError also when it is none */
export async function askJson(
  credentials: Credentials,
  server: string,
  request: TokenRequest,
): Promise<JsonObject> {
  const object = jsonObject(await ask(credentials, server, request));
  if (object) return object;
  throw authFailure(`${server} answered with something that is not a JSON object.`);
}

/** The object that a text holds; undefined for anything else. */
export function jsonObject(text: string): JsonObject | undefined {
  try {
    const value = parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A member that is a text with something in it. */
export function textOf(object: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A member that is a number, or the digits of one. */
export function numberOf(object: JsonObject, name: string): number | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** A token as it may stand in a header. @throws GatewayError */
export function headerToken(token: string | undefined, server: string): string {
  if (token !== undefined && /^[\x21-\x7e]{1,32768}$/.test(token)) return token;
  throw authFailure(`${server} gave no usable token.`);
}

export const form = (fields: Readonly<Record<string, string>>): string =>
  new URLSearchParams(fields).toString();

export const formHeaders = { "content-type": "application/x-www-form-urlencoded" } as const;

async function reach(
  credentials: Credentials,
  server: string,
  request: TokenRequest,
): Promise<{ status: number; text: string }> {
  try {
    return await credentials.fetch(request);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code === "client_closed") throw error;
    throw new GatewayError(error.code, `${server} could not be asked for a token.`, {
      cause: error,
    });
  }
}

/** What token servers call the reason: OAuth's `error`, AWS's `Code`, a metadata server's `code`. */
function codeOf(text: string): string | undefined {
  const object = jsonObject(text);
  const found = object
    ? (textOf(object, "error") ??
      textOf(object, "errorCode") ??
      textOf(object, "Code") ??
      textOf(object, "code"))
    : /<Code>([^<]+)<\/Code>/.exec(text)?.[1];
  return found !== undefined && /^[\w.: -]{1,80}$/.test(found) ? found : undefined;
}

/** Servers may repeat what they were sent. */
function withoutSecrets(text: string, request: TokenRequest, credentials: Credentials): string {
  const sent = [
    ...Object.values(credentials.secrets).map((secret) => secret.reveal()),
    credentials.apiKey?.reveal() ?? "",
    ...new URLSearchParams(request.body ?? "").values(),
    ...Object.values(request.headers ?? {}),
  ];
  return sent
    .filter((each) => each.length >= 8)
    .reduce((left, each) => left.replaceAll(each, "***"), text);
}
