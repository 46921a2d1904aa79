// Whose reasoning a block holds: its proof goes back only to whoever made it.
import type { Origin, ReasoningPart } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { carriesSeal, sealReasoning, unsealReasoning } from "../reasoning-seal.ts";
import { modelFamily } from "../anthropic-messages/model.ts";
import type { Target } from "../dialect.ts";
import { field, stringOr } from "../fields.ts";
import { claudeDialect, isClaude, type Traits } from "./model.ts";
import { dialectId, ownExt } from "./wire.ts";

/** How a seal begins in `redactedContent`, which is base64 of it. */
const sealStart = '"bWVnYWxsbS5leU';

/** True for a body with reasoning that the gateway showed in another provider's stead: Bedrock would refuse its signature. */
export const carriesForeign = (body: Uint8Array): boolean => {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return carriesSeal(body) || buffer.includes(sealStart);
};

/**
 * The origin of a block of reasoning. Only Anthropic's models sign on this wire, and a signature of theirs holds on every
 * platform: it counts as made in their own dialect, so that clients of that one see it as it is.
 */
export const originOf = (origin: Origin, isProven: boolean): Origin =>
  isClaude(origin.model) || (isProven && origin.model === undefined)
    ? { ...origin, dialect: claudeDialect }
    : origin;

/** A `reasoningContent` block's value as a part. */
export function decodeReasoning(value: JsonObject, origin: Origin): ReasoningPart {
  const redacted = stringOr(field(value, "redactedContent"));
  if (redacted !== undefined) return decodeRedacted(redacted, origin);
  const found = field(value, "reasoningText");
  const said = isObject(found) ? found : {};
  const text = stringOr(field(said, "text")) ?? "";
  const signature = stringOr(field(said, "signature"));
  return (
    (signature === undefined ? undefined : unsealReasoning(signature, text)) ?? {
      type: "reasoning",
      text,
      ...(signature ? { signature } : {}),
      origin: originOf(origin, signature !== undefined && signature !== ""),
    }
  );
}

/** `data`: base64, of a text where Anthropic's models made it. */
export function decodeRedacted(data: string, origin: Origin): ReasoningPart {
  const text = Buffer.from(data, "base64").toString("utf8");
  const isText = Buffer.from(text, "utf8").toString("base64") === data;
  const sealed = isText ? unsealReasoning(text, "") : undefined;
  if (sealed) return sealed;
  const maker = originOf(origin, isText);
  const encrypted = maker.dialect === claudeDialect && isText ? text : data;
  return { type: "reasoning", text: "", encrypted, origin: maker };
}

/** True for reasoning that a client of this wire may be shown as it is: it finds its way back by itself. */
const isOwn = ({ origin }: ReasoningPart): boolean =>
  origin.dialect === dialectId ||
  (origin.dialect === claudeDialect && (origin.model === undefined || isClaude(origin.model)));

/** What proves `part` to whoever made it, as clients are shown it. */
export const signatureOf = (part: ReasoningPart): string | undefined =>
  isOwn(part) ? part.signature : sealReasoning(part);

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

/** Reasoning that only its provider can read, as clients are shown it. */
export function redactedOf(part: ReasoningPart): string {
  if (!isOwn(part)) return base64(sealReasoning(part));
  return part.origin.dialect === claudeDialect
    ? base64(part.encrypted ?? "")
    : (part.encrypted ?? "");
}

/** A block for a model that is asked again, or why it cannot be sent back. */
export function encodeReasoning(
  part: ReasoningPart,
  { target, traits, isNative }: { target: Target; traits: Traits; isNative: boolean },
): JsonObject | string {
  const { origin } = part;
  const isClaudes = origin.dialect === claudeDialect;
  const isReplayable =
    (isClaudes ? isNative || traits.claude !== undefined : origin.dialect === dialectId) &&
    (origin.provider === undefined || origin.provider === target.provider) &&
    (origin.model === undefined || modelFamily(origin.model) === modelFamily(target.model));
  if (!isReplayable) return "reasoning that another provider or model made cannot be sent back";
  if (part.encrypted !== undefined) {
    const redactedContent = isClaudes ? base64(part.encrypted) : part.encrypted;
    return { reasoningContent: { redactedContent } };
  }
  const signature = part.signature === undefined ? {} : { signature: part.signature };
  if (!isNative && !part.signature && traits.reasoningBack !== "plain") {
    return "reasoning without a signature cannot be sent back";
  }
  const extra = ownExt(part.ext);
  return { reasoningContent: { reasoningText: { text: part.text, ...signature, ...extra } } };
}
