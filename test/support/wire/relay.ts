// Same dialect on both sides: what goes up and what comes down are the same bytes.
import { dialects } from "../../../src/dialects/index.ts";
import type { Dialect } from "../../../src/dialects/dialect.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { isAllowed } from "../../../src/lib/headers.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { bytesOf, type Exchange, isStreamed, type Wire } from "./exchange.ts";
import { createRandom, spell } from "./random.ts";
import { wrongRow } from "./judge.ts";
import {
  type Answer,
  chatPath,
  clientSecret,
  modelAt,
  recordingOf,
  type Replay,
  upstreamSecret,
} from "./replay.ts";
import type { Verdict } from "./tally.ts";
import { failureIn, messageIn, recordedPayloads, tell, tellPayloads } from "./told.ts";

const dialectOf = (wire: Wire): DialectId =>
  wire === "bedrock-invoke" ? "anthropic-messages" : wire;

/** A byte order mark stays: it is among the bytes. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Wires whose path says the model. */
const pathed: ReadonlySet<Wire> = new Set(["gemini", "bedrock-converse", "bedrock-invoke"]);

const place = "@model@";

/** The recorded request; where none was published one with and one without a wish for usage. */
export function relayedBodies(wire: Wire, { request, stream }: Exchange): JsonObject[] {
  if (isObject(request?.body)) return [request.body];
  const { stream_options: wish, ...silent } = plainRequest(wire, stream);
  return wish === undefined ? [silent] : [{ ...silent, stream_options: wish }, silent];
}

/** Sends a request, oddly spelt, through the gateway to an upstream that gives the recorded answer. */
export async function checkRelay(
  replay: Replay,
  { wire, exchange, body }: { wire: Wire; exchange: Exchange; body: JsonObject },
): Promise<Verdict> {
  const { id, stream, response } = exchange;
  const dialect = dialects[dialectOf(wire)];
  const isPathed = pathed.has(wire);
  const named = isPathed ? undefined : body["model"];
  const model = typeof named === "string" ? named : (exchange.model ?? "m");
  const spelled = spell(isPathed ? body : { ...body, model: place }, createRandom(id));
  const withModel = (name: string): string => spelled.replace(place, () => name);
  // It routes by fields of its own, which no other provider is sent.
  const upstream = exchange.file.startsWith("openrouter.") ? "openrouter" : wire;
  const isText = response.body_base64 === undefined && typeof response.body !== "string";
  const text = isText ? spell(response.body, createRandom(id)) : undefined;
  const isGenerate = "prompt" in body;
  const headers = clientHeaders(exchange, dialect);
  const answer = await replay.ask({
    client: dialect.id,
    path: isGenerate ? "/api/generate" : chatPath(wire, modelAt(upstream, model), stream),
    headers,
    body: withModel(modelAt(upstream, model)),
    recording: recordingOf(exchange, text),
  });
  const expected = bytesOf(exchange, text);
  const got = new TextDecoder().decode(answer.bytes);
  if (!answer.received) return { fault: `nothing sent: ${got}` };
  if (isGenerate) {
    const [before, after] = [expected, answer.bytes].map((bytes) => tell(wire, bytes, stream).text);
    return answer.received.path === "/api/chat" && before === after
      ? { exception: "generate: asked as a chat, and its answer written anew" }
      : { fault: `generate: ${answer.received.path} ${before} became ${after}` };
  }
  const wrong = wrongHeaders(exchange, dialect, { answer, headers });
  if (wrong !== undefined) return { fault: wrong };
  const sent = new TextDecoder().decode(answer.received.bytes);
  const asked = withModel(model);
  const isSame = isSameRequest(sent, asked, dialect.usageOption ? body : {});
  if (!isSame && Array.isArray(body["models"])) {
    return { exception: "the gateway asks the models itself that the request would fall back to" };
  }
  if (!isSame && !isWithoutTools(sent, asked)) {
    return { fault: `the upstream was sent ${sent.slice(0, 300)}, not ${asked.slice(0, 300)}` };
  }
  const payloads = recordedPayloads(wire, exchange, isStreamed(exchange));
  const failure = failureIn(wire, payloads);
  const verdict = checkAnswer(exchange, answer, {
    expected,
    hidesUsage: sent.includes(insertion) && !asked.includes(insertion),
    isFailed: failure !== undefined || brokenIds.has(id),
  });
  if (Object.keys(verdict).length > 0 || response.status >= 400) return verdict;
  const [row] = wrongRow(tellPayloads(wire, payloads, isStreamed(exchange)), answer);
  if (row !== undefined) return { fault: row };
  return isSame ? {} : { exception: "an empty list of tools is left out: many servers refuse one" };
}

/** The recorded headers that a client of this dialect sends besides the usual ones; an envelope has them in the body. */
const clientHeaders = (
  { request }: Exchange,
  { requestHeaders }: Dialect,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request?.headers ?? {}).filter(([name]) => isAllowed(name, requestHeaders)),
  );

function wrongHeaders(
  { response }: Exchange,
  { responseHeaders }: Dialect,
  { answer, headers }: { answer: Answer; headers: Record<string, string> },
): string | undefined {
  const { received, status } = answer;
  for (const [name, value] of Object.entries(headers)) {
    if (received?.headers.get(name) !== value) return `the upstream misses \`${name}\``;
  }
  const sent = [...(received?.headers.values() ?? [])].join("\n");
  if (sent.includes(clientSecret)) return "the client's key went upstream";
  if (!sent.includes(upstreamSecret)) return "the provider's key is missing";
  if (status >= 400) return undefined;
  for (const [name, value] of Object.entries(response.headers ?? {})) {
    if (!isAllowed(name, responseHeaders)) continue;
    if (answer.headers.get(name) !== value) return `the client misses \`${name}\``;
  }
  return undefined;
}

function isWithoutTools(sent: string, asked: string): boolean {
  const { tools, parallel_tool_calls: _, tool_choice: __, ...rest }: JsonObject = JSON.parse(asked);
  return Array.isArray(tools) && tools.length === 0 && Bun.deepEquals(JSON.parse(sent), rest);
}

const insertion = ',"stream_options":{"include_usage":true}';

/** The same bytes, but for the wish for usage where `body` streams without it. */
export function isSameRequest(sent: string, asked: string, body: JsonObject): boolean {
  const options = body["stream_options"];
  const wishes = isObject(options) && options["include_usage"] === true;
  const mayWish = body["stream"] === true && !wishes;
  return mayWish ? sent !== asked && sent.replace(insertion, "") === asked : sent === asked;
}

export interface Expected {
  expected: Uint8Array;
  /** The stream tells usage only because the gateway asked. */
  hidesUsage: boolean;
  /** A 200 that holds an error. */
  isFailed: boolean;
}

export function checkAnswer(
  exchange: Exchange,
  { status, bytes, row }: Answer,
  { expected, hidesUsage, isFailed }: Expected,
): Verdict {
  const { response } = exchange;
  const got = decoder.decode(bytes);
  const isSame = Buffer.compare(bytes, expected) === 0;
  if (response.status >= 400) {
    if (status === response.status && isSame) return {};
    const said = messageIn(response.body);
    const told = JSON.stringify(said).slice(1, -1);
    if (status === 429 && got.includes(told)) {
      return { exception: "429: the gateway's own error, with the provider's words" };
    }
    return row.errorCode === "upstream_auth"
      ? { exception: "the operator's account is at fault: told without the provider's words" }
      : { fault: `${response.status} became ${status} ${got.slice(0, 300)}` };
  }
  if (isFailed) {
    if (row.status !== "error") return { fault: "the failure is not on record" };
    if (status >= 400)
      return { exception: "a failure in a 200, all at once: told with an error status" };
    const isKept = isSame || Buffer.from(expected).includes(bytes.subarray(0, cutAt(bytes)));
    return isKept
      ? { exception: "a failure in a 200: told in its place, nothing follows" }
      : { fault: `broken otherwise: ${got.slice(0, 300)}` };
  }
  if (status !== 200) return { fault: `status ${status}: ${got.slice(0, 300)}` };
  const isShortened = hidesUsage && isStreamed(exchange) && got === withoutUsage(expected);
  if (isSame || isShortened) return {};
  return { fault: `the client got other bytes: ${got.slice(0, 200)}` };
}

/** Handmade streams that no server of their wire would send. */
const brokenIds: ReadonlySet<string> = new Set(["ver-19d297c64b"]);

/** Where the last message begins, which may be the gateway's own. */
function cutAt(bytes: Uint8Array): number {
  const text = Buffer.from(bytes);
  return Math.max(0, text.subarray(0, -2).lastIndexOf("\n\n"));
}

/** The stream without the chunks that tell nothing but usage. */
function withoutUsage(stream: Uint8Array): string {
  const blocks = decoder.decode(stream).split(/(?<=\r\n\r\n|\n\n|\r\r)/);
  return blocks
    .filter((block) => !/"choices":\s*\[\s*\]/.test(block) || !/"usage":\s*\{/.test(block))
    .join("");
}

/** What a client asks where no request was published. */
function plainRequest(wire: Wire, stream: boolean): JsonObject {
  const messages = [{ role: "user", content: "Hello" }];
  const wish = stream ? { stream } : {};
  switch (wire) {
    case "openai-chat":
      return { messages, ...wish, ...(stream ? { stream_options: { include_usage: true } } : {}) };
    case "openai-responses":
      return { input: "Hello", ...wish };
    case "anthropic-messages":
      return { max_tokens: 1024, messages, ...wish };
    case "gemini":
      return { contents: [{ role: "user", parts: [{ text: "Hello" }] }] };
    case "ollama":
      return { messages, stream };
    case "bedrock-converse":
      return { messages: [{ role: "user", content: [{ text: "Hello" }] }] };
    case "bedrock-invoke":
      return { anthropic_version: "bedrock-2023-05-31", max_tokens: 1024, messages };
    case "cohere":
      return { messages, stream };
    default:
      return wire satisfies never;
  }
}
