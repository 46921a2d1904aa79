// Sends one request to one deployment; hands back an answer or a typed failure.
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import { createTokenFetch } from "../egress/token-fetch.ts";
import { createEgress, type Egress, type EgressResponse, type EgressTimeouts } from "../egress.ts";
import type { Origin } from "../ir/chat.ts";
import { GatewayError, type UpstreamFault } from "../ir/error.ts";
import { encodeHeaderValue } from "../lib/headers.ts";
import { JsonError, parseObject } from "../lib/json.ts";
import type { Endpoint, Provider } from "../providers/provider.ts";
import type { Candidate, Patience } from "../routing/candidate.ts";

/** A request ready to leave, but for its credentials. */
export interface Sendable {
  candidate: Candidate;
  dialect: Dialect;
  /** Absent where the provider is called by a path of its own. */
  endpoint?: Endpoint;
  origin: Origin;
  /** Default POST. */
  method?: string;
  url: URL;
  headers: Headers;
  body?: Uint8Array | string | ReadableStream<Uint8Array>;
  /** How long a body that streams is. */
  bodyBytes?: number;
}

/** What an answer must be: one JSON text, a stream of the dialect's framing, or anything at all. */
export type AnswerKind = "json" | "stream" | "any";

/** How much of an error body is read. */
const maxErrorBytes = 1024 * 1024;

/**
 * Sends and returns a successful answer of the kind that was asked for.
 * @throws GatewayError for every failure, named after the provider.
 */
export async function send(
  outbound: Sendable,
  kind: AnswerKind,
  network: Network,
  signal: AbortSignal,
): Promise<EgressResponse> {
  const { provider } = outbound.candidate;
  const way = provider.preset.serve ? inProcess(provider.preset.serve) : network.egress;
  try {
    await sign(outbound, network);
    const answer = await way.send({
      url: outbound.url,
      method: outbound.method ?? "POST",
      headers: outbound.headers,
      ...(outbound.body !== undefined && { body: outbound.body }),
      ...(outbound.bodyBytes !== undefined && { bodyBytes: outbound.bodyBytes }),
      signal,
      timeouts: limitsOf(outbound.candidate, kind === "stream"),
      network: provider.customBaseUrl || provider.preset.local ? "private-allowed" : "public",
      proxy: provider.proxy,
    });
    hideIn(answer.headers, outbound);
    if (answer.status >= 400) {
      const body = await errorText(answer, outbound);
      throw errorDialect(outbound).error.decode(answer.status, answer.headers, body);
    }
    if (kind !== "any") await checkKind(answer, outbound, kind === "stream");
    return answer;
  } catch (error) {
    throw error instanceof GatewayError
      ? named(error, provider.name, { dialect: errorDialect(outbound).id })
      : error;
  }
}

/** The operator's limits, and the caller's where they are shorter. */
function limitsOf({ timeouts, patience }: Candidate, isStream: boolean): EgressTimeouts {
  const { connectMs, firstByteMs, idleMs, totalMs } = timeouts;
  const hasOwn = (name: keyof Patience): boolean => {
    const wish = patience?.[name];
    return wish !== undefined && wish < (timeouts[name] ?? Number.POSITIVE_INFINITY);
  };
  const firstTokenMs = isStream ? firstTokenOf({ timeouts, patience }) : null;
  return {
    connectMs: connectMs ?? 0,
    firstByteMs: firstByteMs ?? 0,
    ...(firstTokenMs !== null && { firstTokenMs }),
    idleMs: (hasOwn("idleMs") ? patience?.idleMs : idleMs) ?? 0,
    totalMs: totalMs ?? 0,
    callers: [
      ...(hasOwn("firstTokenMs") ? (["first_token"] as const) : []),
      ...(hasOwn("idleMs") ? (["idle"] as const) : []),
    ],
  };
}

/** How long a stream may take until its first content; null: for ever. */
export function firstTokenOf({
  timeouts,
  patience,
}: Pick<Candidate, "timeouts"> & { patience?: Patience | undefined }): number | null {
  const limit = Math.min(timeouts.firstTokenMs ?? Infinity, patience?.firstTokenMs ?? Infinity);
  return limit === Infinity ? null : limit;
}

/** The dialect of an upstream's errors: an envelope may have another's. */
const errorDialect = ({ dialect, endpoint }: Sendable): Dialect =>
  dialects[endpoint?.envelope?.errors ?? dialect.id];

/** What sending needs of the process. */
export interface Network {
  egress: Egress;
  env: Readonly<Record<string, string | undefined>>;
}

/** Puts the deployment's credentials on the request. @throws GatewayError `upstream_auth` */
export async function sign(outbound: Sendable, network: Network): Promise<void> {
  const { candidate, endpoint, method = "POST", url, headers, body = "" } = outbound;
  const { provider, key } = candidate;
  const authorize = endpoint?.authorize ?? provider.preset.authorize;
  await authorize(
    // A body that streams cannot be signed before it is sent; the ways that sign bodies are not used with one.
    { method, url, headers, body: body instanceof ReadableStream ? "" : body },
    {
      ...(key && { apiKey: key.secret }),
      settings: provider.settings,
      secrets: provider.secrets,
      env: network.env,
      fetch: createTokenFetch(network.egress, provider.proxy),
    },
  );
}

/** The beginning of an error's body: the status tells the rest, and some upstreams repeat the whole request. */
async function errorText(answer: EgressResponse, outbound: Sendable): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let piece = await answer.read(); piece !== null; piece = await answer.read()) {
    pieces.push(piece);
    size += piece.length;
    if (size > maxErrorBytes) {
      answer.cancel("the beginning of the error is enough");
      break;
    }
  }
  const text = new TextDecoder().decode(Buffer.concat(pieces).subarray(0, maxErrorBytes));
  return withoutKey(text, outbound);
}

/** What is shorter (`EMPTY`, `ollama`) protects nothing, and would be found in anything. */
const minSecret = 12;
/** Other headers hold no secrets, and words that answers hold as well. */
const secretName = /auth|cookie|cred|key|pass|secret|session|token/i;
/** What signing puts there: the key itself, or a token that was got for it. */
const signed = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token"];

/** What the request itself brought to the provider besides the client's own. */
export function secretsOf({ candidate, headers }: Sendable): string[] {
  const { key, parameters, provider } = candidate;
  const found = new Set<string>();
  const add = (secret: string | undefined): void => {
    if (secret !== undefined && secret.length >= minSecret) found.add(secret);
  };
  add(key?.secret.reveal());
  for (const secret of Object.values(provider.secrets)) add(secret.reveal());
  for (const configured of [provider.headers, parameters.extraHeaders]) {
    for (const [name, value] of Object.entries(configured)) if (secretName.test(name)) add(value);
  }
  for (const name of signed) add(headers.get(name)?.replace(/^[a-z]+ /i, ""));
  return [...found];
}

/** Some providers repeat the key that they refuse, or the headers that they were sent. */
export const withoutKey = (text: string, outbound: Sendable): string =>
  without(text, secretsOf(outbound));

const without = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((clean, secret) => clean.replaceAll(secret, "***"), text);

/** Nor are they told in a header. */
function hideIn(headers: Headers, outbound: Sendable): void {
  const secrets = secretsOf(outbound);
  const told = secrets.length === 0 ? [] : [...headers];
  for (const [name, value] of told) {
    const clean = without(value, secrets);
    if (clean !== value) headers.set(name, clean);
  }
}

/** An error within an answer or stream, without the key in its words. */
export function keyless(error: GatewayError, outbound: Sendable): GatewayError {
  const message = withoutKey(error.message, outbound);
  if (message === error.message) return error;
  const { status, retryAfterMs, blameless, kind, param, details, upstream, cause } = error;
  const body = upstream?.body === undefined ? undefined : withoutKey(upstream.body, outbound);
  return new GatewayError(error.code, message, {
    status,
    retryAfterMs,
    blameless,
    kind,
    param,
    details,
    cause,
    upstream: { ...upstream, body },
  });
}

/** A JSON or HTML answer to a stream request, or the reverse, is no answer (fault R15). */
async function checkKind(
  answer: EgressResponse,
  outbound: Sendable,
  stream: boolean,
): Promise<void> {
  const type = answer.headers.get("content-type")?.toLowerCase() ?? "";
  const wrong = stream
    ? /^application\/json\b|html|xml/.test(type)
    : /event-?stream|html/.test(type);
  if (answer.status === 200 && !wrong) return;
  const body = await errorText(answer, outbound);
  throw (
    statedError(body, outbound) ??
    new GatewayError(
      "upstream_invalid",
      `answered ${answer.status} with \`${encodeHeaderValue(type, 100) || "no content type"}\` where ${stream ? "an event stream" : "JSON"} was asked for`,
      { upstream: { status: answer.status, body } },
    )
  );
}

/** The error that an answer tells of although its status says otherwise. */
function statedError(text: string, outbound: Sendable): GatewayError | undefined {
  const { candidate, dialect, origin } = outbound;
  try {
    const json = parseObject(text);
    if ((json["error"] ?? null) !== null) dialect.response.decode({ json, text }, origin);
  } catch (error) {
    const native = { dialect: dialect.id, body: text };
    if (error instanceof GatewayError) return named(error, candidate.provider.name, native);
    if (!(error instanceof JsonError)) throw error;
  }
  return undefined;
}

/**
 * Says which provider failed.
 * @param native where the answer was an error in the dialect's own form: that dialect, and the answer's body.
 */
export function named(
  error: GatewayError,
  provider: string,
  native: Pick<UpstreamFault, "dialect" | "body"> = {},
): GatewayError {
  if (!error.code.startsWith("upstream_") || error.upstream?.provider) return error;
  // A client may act on the wording of what its own request got wrong, so that stays as the provider put it.
  const message =
    error.code === "upstream_rejected"
      ? error.message
      : `Provider \`${provider}\`: ${error.message}`;
  return new GatewayError(error.code, message, {
    status: error.status,
    retryAfterMs: error.retryAfterMs,
    blameless: error.blameless,
    kind: error.kind,
    param: error.param,
    details: error.details,
    cause: error.cause,
    upstream: { ...error.upstream, ...native, provider },
  });
}

type Serve = NonNullable<Provider["serve"]>;
const inProcessWays = new WeakMap<Serve, Egress>();

/** A provider inside this process is reached through the same rules as any other, but for the network. */
function inProcess(serve: Serve): Egress {
  let way = inProcessWays.get(serve);
  if (!way) {
    way = createEgress({
      env: {},
      resolve: async () => ["127.0.0.1"],
      fetch: async (url, { proxy: _proxy, ...init }) => serve(new Request(url, init)),
    });
    inProcessWays.set(serve, way);
  }
  return way;
}
