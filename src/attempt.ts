// One attempt at one deployment: build the outbound request, send it, hand back an answer or a typed failure.
import type { Dialect, Target } from "./dialects/dialect.ts";
import { dialects } from "./dialects/index.ts";
import { createEgress, type Egress, type EgressResponse } from "./egress.ts";
import type { Inbound } from "./inbound.ts";
import type { Origin } from "./ir/chat.ts";
import { GatewayError, type UpstreamFault } from "./ir/error.ts";
import type { Warning } from "./ir/warning.ts";
import { encodeHeaderValue, pickHeaders } from "./lib/headers.ts";
import { JsonError, parseObject, splice } from "./lib/json.ts";
import { modelFacts } from "./catalog/facts.ts";
import { endpointsFor, resolveEndpoint } from "./providers/endpoint.ts";
import type { Endpoint, Provider } from "./providers/provider.ts";
import type { Candidate } from "./routing/router.ts";

/** A request ready to leave. */
export interface Outbound {
  candidate: Candidate;
  dialect: Dialect;
  /** Same dialect on both sides: bytes are relayed, not translated. */
  relayed: boolean;
  origin: Origin;
  url: URL;
  headers: Headers;
  body: Uint8Array | string;
  warnings: Warning[];
  /** The stream carries usage only because the gateway asked; its chunk is kept from the client. */
  hidesUsage: boolean;
}

/** How much of an error body is read. */
const maxErrorBytes = 1024 * 1024;

/** Name under which signed content of this provider is recognised: accounts of one vendor share it. */
const vendor = (candidate: Candidate): string =>
  candidate.provider.preset.baseUrl === undefined
    ? candidate.provider.name
    : candidate.provider.preset.id;

/** The endpoint that serves this operation best: the client's own dialect if there is one, else, for chat, any. */
export function chooseEndpoint(inbound: Inbound, candidate: Candidate): Endpoint | undefined {
  const { provider, model } = candidate;
  const endpoints = endpointsFor(provider.preset, inbound.operation, model);
  const same = endpoints.find((endpoint) => endpoint.dialect === inbound.dialect.id);
  // Other operations can only be relayed, and an upstream would refuse what it did not make.
  const isForeign = inbound.operation !== "chat" && inbound.carriesForeign(provider.preset.quirks);
  if (same && isForeign) return undefined;
  return same ?? (inbound.operation === "chat" ? endpoints[0] : undefined);
}

/**
 * Splices the client's bytes for an upstream of the same dialect, or decodes and encodes them for another.
 * @throws GatewayError `invalid_request`, `unsupported_feature`
 */
export async function buildOutbound(
  inbound: Inbound,
  candidate: Candidate,
  endpoint: Endpoint,
): Promise<Outbound> {
  const { provider, model } = candidate;
  const dialect = dialects[endpoint.dialect];
  const sameDialect = dialect.id === inbound.dialect.id;
  const relayed = sameDialect && !inbound.carriesForeign(provider.preset.quirks);
  const url = resolveEndpoint(provider.preset, endpoint, {
    baseUrl: provider.customBaseUrl ? provider.baseUrl : undefined,
    settings: provider.settings,
  });
  const headers = new Headers({ ...provider.preset.headers, ...endpoint.headers });
  if (sameDialect) {
    for (const [name, value] of pickHeaders(inbound.headers, dialect.requestHeaders)) {
      headers.set(name, value);
    }
    for (const name of dialect.requestQuery ?? []) {
      const value = inbound.url.searchParams.get(name);
      if (value !== null) url.searchParams.set(name, value);
    }
  }
  headers.set("content-type", "application/json");
  headers.set("accept", inbound.stream ? "text/event-stream" : "application/json");

  const outbound: Omit<Outbound, "body" | "warnings" | "hidesUsage"> = {
    candidate,
    dialect,
    relayed,
    origin: { dialect: dialect.id, provider: vendor(candidate), model },
    url,
    headers,
  };
  const content = relayed ? relayBody(inbound, candidate) : await translateBody(inbound, outbound);
  for (const [name, value] of Object.entries(provider.headers)) headers.set(name, value);
  const authorize = endpoint.authorize ?? provider.preset.authorize;
  authorize(headers, candidate.key ? { apiKey: candidate.key.secret } : {});
  return { ...outbound, ...content };
}

type Content = Pick<Outbound, "body" | "warnings" | "hidesUsage">;

function relayBody(inbound: Inbound, candidate: Candidate): Content {
  const { bytes, members, dialect } = inbound;
  const edits = [];
  const name = members.get("model");
  if (name && inbound.model !== candidate.model) {
    edits.push({ ...name.value, text: JSON.stringify(candidate.model) });
  }
  const usage =
    inbound.stream && (candidate.provider.preset.quirks.usageInStream ?? "option") === "option"
      ? (dialect.usageOption?.edits(bytes, members) ?? [])
      : [];
  return {
    body: splice(bytes, [...edits, ...usage]),
    warnings: [],
    hidesUsage: usage.length > 0,
  };
}

async function translateBody(
  inbound: Inbound,
  outbound: Pick<Outbound, "candidate" | "dialect" | "headers">,
): Promise<Content> {
  const { provider, model } = outbound.candidate;
  const decoded = inbound.chat();
  const target: Target = {
    provider: vendor(outbound.candidate),
    model,
    quirks: provider.preset.quirks,
    facts: await modelFacts(provider.preset.id, model),
  };
  const encoded = outbound.dialect.request.encode(decoded.value, target);
  for (const [name, value] of Object.entries(encoded.headers)) outbound.headers.set(name, value);
  return {
    body: encoded.body,
    warnings: [...decoded.warnings, ...encoded.warnings],
    hidesUsage: false,
  };
}

/**
 * Sends and returns a successful answer of the kind that was asked for.
 * @throws GatewayError for every failure, named after the provider.
 */
export async function send(
  outbound: Outbound,
  stream: boolean,
  egress: Egress,
  signal: AbortSignal,
): Promise<EgressResponse> {
  const { provider, timeouts } = outbound.candidate;
  const { connectMs, firstByteMs, idleMs, totalMs } = timeouts;
  const way = provider.preset.serve ? inProcess(provider.preset.serve) : egress;
  try {
    const answer = await way.send({
      url: outbound.url,
      method: "POST",
      headers: outbound.headers,
      body: outbound.body,
      signal,
      timeouts: {
        connectMs: connectMs ?? 0,
        firstByteMs: firstByteMs ?? 0,
        idleMs: idleMs ?? 0,
        totalMs: totalMs ?? 0,
      },
      network: provider.customBaseUrl || provider.preset.local ? "private-allowed" : "public",
      proxy: provider.proxy,
    });
    if (answer.status >= 400) {
      const body = await errorText(answer, outbound);
      throw outbound.dialect.error.decode(answer.status, answer.headers, body);
    }
    await checkKind(answer, outbound, stream);
    return answer;
  } catch (error) {
    throw error instanceof GatewayError
      ? named(error, provider.name, { dialect: outbound.dialect.id })
      : error;
  }
}

/** The beginning of an error's body: the status tells the rest, and some upstreams repeat the whole request. */
async function errorText(answer: EgressResponse, outbound: Outbound): Promise<string> {
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

/** Some providers repeat the key that they refuse. */
export const withoutKey = (text: string, { candidate: { key } }: Outbound): string =>
  key ? text.replaceAll(key.secret.reveal(), "***") : text;

/** An error within an answer or stream, without the key in its words. */
export function keyless(error: GatewayError, outbound: Outbound): GatewayError {
  const message = withoutKey(error.message, outbound);
  if (message === error.message) return error;
  const { status, retryAfterMs, param, details, upstream, cause } = error;
  const body = upstream?.body === undefined ? undefined : withoutKey(upstream.body, outbound);
  return new GatewayError(error.code, message, {
    status,
    retryAfterMs,
    param,
    details,
    cause,
    upstream: { ...upstream, body },
  });
}

/** A JSON or HTML answer to a stream request, or the reverse, is no answer (fault R15). */
async function checkKind(
  answer: EgressResponse,
  outbound: Outbound,
  stream: boolean,
): Promise<void> {
  const type = answer.headers.get("content-type")?.toLowerCase() ?? "";
  const wrong = stream ? /json|html|xml/.test(type) : /event-stream|html/.test(type);
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
function statedError(text: string, outbound: Outbound): GatewayError | undefined {
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
