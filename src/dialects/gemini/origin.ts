// Another provider's reasoning on its way through a Gemini client: a signature that says what was thought, and where.
import type { DialectId, ReasoningPart } from "../../ir/chat.ts";
import { isObject, JsonError, type JsonObject, parse } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { dialectId, standardBase64 } from "./wire.ts";

/**
 * Clients keep `thoughtSignature` as opaque bytes on the part that had it, although some forget the thoughts themselves,
 * and some spell the bytes anew. A seal is therefore whole in itself, and canonical base64.
 */
const marker = "megallm.";
/** {@link marker} and an opening brace, nine bytes, in base64. */
const sealStart = Buffer.from(`${marker}{`).toString("base64");

/** True for a body with a signature that no Google server has made: it would answer "Thought signature is not valid". */
export const carriesForeign = (body: Uint8Array): boolean => {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return buffer.includes(`"${sealStart}`);
};

export const isSeal = (signature: string): boolean => signature.startsWith(sealStart);

/** Reasoning that Google's servers made: shown, and taken back, as it is. */
export const isOwn = (part: ReasoningPart): boolean => part.origin.dialect === dialectId;

/** The signature under which foreign reasoning travels on the part that follows it. */
export function sealReasoning(parts: readonly ReasoningPart[]): string {
  const sealed = parts.map(({ text, origin, signature, encrypted, ext }) => ({
    origin,
    text,
    signature,
    encrypted,
    ext: ext?.[origin.dialect],
  }));
  return Buffer.from(`${marker}${JSON.stringify({ thoughts: sealed })}`, "utf8").toString("base64");
}

/** The reasoning in a seal; none where a client has broken it. */
export function unsealReasoning(seal: string): ReasoningPart[] {
  const text = Buffer.from(standardBase64(seal), "base64").toString("utf8");
  const thoughts = field(readSeal(text.slice(marker.length)), "thoughts");
  return Array.isArray(thoughts) ? thoughts.filter(isObject).flatMap(readThought) : [];
}

function readSeal(text: string): JsonObject {
  try {
    const value = parse(text);
    return isObject(value) ? value : {};
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return {};
  }
}

function readThought(thought: JsonObject): ReasoningPart[] {
  const found = field(thought, "origin");
  if (!isObject(found)) return [];
  const [dialect, provider, model] = ["dialect", "provider", "model"].map((key) =>
    stringOr(field(found, key)),
  );
  const [text, signature, encrypted] = ["text", "signature", "encrypted"].map((key) =>
    stringOr(field(thought, key)),
  );
  const ext = field(thought, "ext");
  return [
    {
      type: "reasoning",
      text: text ?? "",
      // A client may write anything here: it then matches no target.
      origin: {
        dialect: dialect as DialectId,
        ...(provider === undefined ? {} : { provider }),
        ...(model === undefined ? {} : { model }),
      },
      ...(signature === undefined ? {} : { signature }),
      ...(encrypted === undefined ? {} : { encrypted }),
      ...(isObject(ext) && dialect !== undefined && dialect !== "__proto__"
        ? { ext: { [dialect]: ext } }
        : {}),
    },
  ];
}
