// Reasoning on this wire: plain `reasoning_content` / `reasoning`, and `reasoning_details` that can be sent back.
// Shapes: https://openrouter.ai/docs/guides/best-practices/reasoning-tokens
import type { DialectId, OpaquePart, Origin, Reasoning, ReasoningPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Quirks } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr, wordOf } from "../fields.ts";
import { optionalString } from "../openai-words.ts";
import { ofEffort } from "./reasoning-request.ts";
import { dialectId, opaque, ownExt, withExt } from "./wire.ts";

const marker = "megallm";

/** How the `id` of every detail begins that the gateway gave to a client, with or without a blank; some write a slash as `\/`. */
const idStarts = [":", ": "].flatMap((colon) =>
  ["/", "\\/"].map((slash) => `${colon}"${marker}${slash}`),
);
/** Fields of messages that OpenAI's own wire does not have. Inside a text their quotes would be escaped. */
const reasoningFields = ['"reasoning_details"', '"reasoning_content"'];

/**
 * True for a body with reasoning that its upstream has not made. A provider that never shows any refuses the fields
 * themselves: `Unknown parameter: 'messages[1].reasoning_content'`.
 */
export function carriesForeign(body: Uint8Array, quirks: Quirks): boolean {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const signs = quirks.refusesReasoning ? [...idStarts, ...reasoningFields] : idStarts;
  return signs.some((sign) => buffer.includes(sign));
}

/**
 * The `id` under which a client gets a reasoning detail: it names the origin, so that the detail finds
 * its way back when the client echoes it: `megallm/<dialect>/<provider>/<model>/<the provider's own id>`, each URI-encoded.
 * @example originId({ dialect: "openai-chat", provider: "openrouter", model: "a/b" }, "rs_1") // → "megallm/openai-chat/openrouter/a%2Fb/rs_1"
 */
const originId = (origin: Origin, id = ""): string =>
  [marker, origin.dialect, origin.provider ?? "", origin.model ?? "", id]
    .map((piece) => encodeURIComponent(piece.toWellFormed()))
    .join("/");

/** Undefined for an id that is not the gateway's. */
function parseOriginId(id: string): { origin: Origin; id: string } | undefined {
  const pieces = id.split("/");
  if (pieces.length !== 5 || pieces[0] !== marker) return undefined;
  try {
    const [, dialect = "", provider = "", model = "", own = ""] = pieces.map(decodeURIComponent);
    return {
      origin: {
        // A client may write anything here: it then matches no target.
        dialect: dialect as DialectId,
        ...(provider === "" ? {} : { provider }),
        ...(model === "" ? {} : { model }),
      },
      id: own,
    };
  } catch {
    return undefined;
  }
}

const detailKeys = new Set(["text", "summary", "signature", "data", "type"]);

/** One entry of `reasoning_details`; what it does not know is kept whole. */
export function decodeDetail(detail: unknown, origin: Origin): ReasoningPart | OpaquePart {
  if (!isObject(detail)) return opaque(detail);
  const type = stringOr(field(detail, "type"));
  const kept = unknownFields(detail, detailKeys) ?? {};
  if (type === "reasoning.summary") kept["type"] = type;
  const base = {
    type: "reasoning" as const,
    origin,
    ...withExt(Object.keys(kept).length === 0 ? undefined : kept),
  };
  const text = stringOr(field(detail, "text"));
  const signature = stringOr(field(detail, "signature"));
  const data = stringOr(field(detail, "data"));
  const summary = stringOr(field(detail, "summary"));
  switch (type) {
    case "reasoning.text":
      return { ...base, text: text ?? "", ...(signature === undefined ? {} : { signature }) };
    case "reasoning.summary":
      return { ...base, text: summary ?? "" };
    case "reasoning.encrypted":
      return data === undefined ? opaque(detail) : { ...base, text: "", encrypted: data };
    default:
      return opaque(detail);
  }
}

/** A detail that a client sends back: its id tells where it was made and what it was called there. */
export function claimOrigin<T extends ReasoningPart | OpaquePart>(part: T): T {
  if (part.type !== "reasoning") return part;
  const { id, ...kept } = ownExt(part.ext);
  const named = typeof id === "string" ? parseOriginId(id) : undefined;
  if (!named) return part;
  const { ext: _, ...bare } = part;
  // The format stands in for one that the provider did not give, see `detailHead`; so does the index then.
  if (kept["format"] === named.origin.dialect) {
    delete kept["format"];
    delete kept["index"];
  }
  if (named.id !== "") kept["id"] = named.id;
  const fields = Object.keys(kept).length === 0 ? undefined : kept;
  return { ...bare, origin: named.origin, ...withExt(fields) } as T;
}

/**
 * Clients that keep every piece of a stream send a detail back in the pieces it came in; only the whole fits its signature.
 * Pieces of one detail follow one another and have one index and id; the signature comes last.
 */
export function joinPieces(details: readonly unknown[]): unknown[] {
  const joined: unknown[] = [];
  for (const detail of details) {
    const last = joined.at(-1);
    if (isObject(detail) && isObject(last) && isPieceOf(detail, last)) {
      joined[joined.length - 1] = { ...last, ...detail, ...joinTexts(last, detail) };
    } else joined.push(detail);
  }
  return joined;
}

const pieceTexts = ["text", "summary"] as const;

const isPieceOf = (piece: JsonObject, whole: JsonObject): boolean =>
  field(piece, "index") !== undefined &&
  (["index", "id", "type"] as const).every((key) => field(piece, key) === field(whole, key)) &&
  field(whole, "signature") === undefined &&
  field(whole, "data") === undefined;

const joinTexts = (whole: JsonObject, piece: JsonObject): JsonObject =>
  Object.fromEntries(
    pieceTexts.flatMap((key) => {
      const pair = [stringOr(field(whole, key)), stringOr(field(piece, key))];
      return pair.some((text) => text !== undefined) ? [[key, pair.join("")]] : [];
    }),
  );

const thinkingKeys = new Set(["type", "thinking", "signature", "closed"]);

/**
 * Mistral's reasoning, a part of the content. Undefined where it holds more than text.
 * https://docs.mistral.ai/capabilities/reasoning
 */
export function decodeThinking(part: JsonObject, origin: Origin): ReasoningPart | undefined {
  if (field(part, "type") !== "thinking" || unknownFields(part, thinkingKeys)) return undefined;
  const thinking = field(part, "thinking");
  const texts = Array.isArray(thinking) ? thinking.map(thoughtText) : [stringOr(thinking)];
  if (texts.includes(undefined)) return undefined;
  const signature = stringOr(field(part, "signature"));
  const proof = signature === undefined ? {} : { signature };
  return { type: "reasoning", text: texts.join(""), origin, ...proof };
}

const thoughtText = (item: unknown): string | undefined =>
  isObject(item) && field(item, "type") === "text" ? stringOr(field(item, "text")) : undefined;

/** The form that {@link decodeThinking} reads. */
export const encodeThinking = ({ text, signature }: ReasoningPart): JsonObject => ({
  type: "thinking",
  thinking: [{ type: "text", text }],
  ...(signature === undefined ? {} : { signature }),
});

/** True for an opaque part that stood in `reasoning_details`, not in the content. */
export const isDetail = (part: OpaquePart): boolean =>
  part.origin === dialectId &&
  isObject(part.raw) &&
  wordOf(field(part.raw, "type")).startsWith("reasoning.");

/** The reasoning of a whole message, from whichever fields it uses. The plain fields repeat what the details say. */
export function decodeReasoning(
  message: JsonObject,
  origin: Origin,
): (ReasoningPart | OpaquePart)[] {
  const details = field(message, "reasoning_details");
  const parts = Array.isArray(details) ? details.map((item) => decodeDetail(item, origin)) : [];
  const plain = plainReasoning(message);
  const isShown = parts.some((part) => part.type === "reasoning" && part.text !== "");
  return plain === undefined || isShown
    ? parts
    : [{ type: "reasoning", text: plain, origin }, ...parts];
}

/** `reasoning_content` (DeepSeek, vLLM ...) or `reasoning` (OpenRouter, Groq ...), where it says something. */
export const plainReasoning = (message: JsonObject): string | undefined =>
  stringOr(field(message, "reasoning_content")) ||
  stringOr(field(message, "reasoning")) ||
  undefined;

/** Must the part come back as a detail, or does its plain text say all? */
export const needsDetail = (part: ReasoningPart): boolean =>
  part.signature !== undefined ||
  part.encrypted !== undefined ||
  part.origin.dialect !== dialectId ||
  Object.keys(ownExt(part.ext)).length > 0;

export interface DetailOptions {
  /** Position in `reasoning_details`, used where the provider gave none. */
  index: number;
  /** For a client: the id carries the origin. For the provider itself: its own id. */
  isForClient: boolean;
}

/** The details that stand for one part: its text with signature, and what only the provider can read. */
export function encodeDetails(part: ReasoningPart, options: DetailOptions): JsonObject[] {
  const details: JsonObject[] = [];
  const head = detailHead(part, options);
  const isSummary = ownExt(part.ext)["type"] === "reasoning.summary";
  const { text, signature, encrypted } = part;
  if (isSummary) details.push({ type: "reasoning.summary", summary: text, ...head });
  else if (text !== "" || signature !== undefined) {
    const said = text === "" ? {} : { text };
    const proof = signature === undefined ? {} : { signature };
    details.push({ type: "reasoning.text", ...said, ...proof, ...head });
  }
  if (encrypted !== undefined)
    details.push({ type: "reasoning.encrypted", data: encrypted, ...head });
  return details;
}

/** `format`, `id`, `index` and whatever else the provider said about a detail. */
export function detailHead(part: ReasoningPart, { index, isForClient }: DetailOptions): JsonObject {
  const { type: _, ...own } = ownExt(part.ext);
  if (!isForClient) return own;
  return {
    format: part.origin.dialect,
    index,
    ...own,
    id: originId(part.origin, stringOr(own["id"])),
  };
}

/** Fields by which clients of this wire ask for reasoning. */
export const reasoningKeys = [
  "reasoning_effort",
  "reasoning",
  "thinking",
  "enable_thinking",
  "thinking_budget",
] as const;

/** What is read of those that are objects. */
const wishKeys: Readonly<Record<string, ReadonlySet<string>>> = {
  reasoning: new Set(["effort", "max_tokens", "exclude", "enabled"]),
  thinking: new Set(["type", "budget_tokens"]),
};
const none: ReadonlySet<string> = new Set();

/**
 * How hard to think, from OpenAI's `reasoning_effort`, OpenRouter's `reasoning`, `thinking` (DeepSeek, Z.ai, Moonshot)
 * or `enable_thinking` (Qwen). All but the first keep their spelling for this dialect's own encoder.
 * Undefined when these fields tell nothing of the kind.
 */
export function decodeReasoningWish(body: JsonObject): Reasoning | undefined {
  const effort = optionalString(body, "reasoning_effort");
  const wish = effort === undefined ? ofVendors(body) : ofEffort(effort);
  if (!wish) return undefined;
  const spelling = reasoningKeys
    .map((key) => [key, field(body, key)] as const)
    .filter(([, value]) => value !== undefined);
  const isPlain = spelling.length === 1 && effort !== undefined;
  const beyond = spelling.flatMap(([key, value]) =>
    isObject(value)
      ? Object.keys(unknownFields(value, wishKeys[key] ?? none) ?? {}).map(
          (name) => `${key}.${name}`,
        )
      : [],
  );
  return {
    ...wish,
    ...withExt(isPlain ? undefined : Object.fromEntries(spelling)),
    ...(beyond.length > 0 ? { beyond } : {}),
  };
}

function ofVendors(body: JsonObject): Reasoning | undefined {
  const reasoning = field(body, "reasoning");
  if (isObject(reasoning)) {
    const effort = stringOr(field(reasoning, "effort"));
    const tokens = field(reasoning, "max_tokens");
    const display = field(reasoning, "exclude") === true ? { display: "omitted" } : {};
    if (field(reasoning, "enabled") === false) return { mode: "off" };
    if (effort !== undefined) return { ...ofEffort(effort), ...display };
    if (isCount(tokens)) return { mode: "budget", tokens, ...display };
    return { mode: "adaptive", ...display };
  }
  const thinking = field(body, "thinking");
  if (isObject(thinking)) {
    const tokens = field(thinking, "budget_tokens");
    const type = field(thinking, "type");
    if (type === "disabled") return { mode: "off" };
    if (isCount(tokens)) return { mode: "budget", tokens };
    if (type === "enabled" || type === "adaptive") return { mode: "adaptive" };
  }
  const enabled = field(body, "enable_thinking");
  const budget = field(body, "thinking_budget");
  if (enabled === false) return { mode: "off" };
  if (isCount(budget)) return { mode: "budget", tokens: budget };
  return enabled === true ? { mode: "adaptive" } : undefined;
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0;
