// Another provider's reasoning and proofs as reasoning items of this wire: sealed, so that a client gives them back.
import type { Part, Proof, ReasoningPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { sealReasoning, unsealReasoning } from "../reasoning-seal.ts";
import { textsOf } from "./item-decode.ts";

/** Marks the seal of a proof, which belongs to what follows it. */
const proofMark = "#proof";

/** `encrypted_content` for reasoning that another wire's server made. */
export const sealOf = (part: ReasoningPart): string => sealReasoning(part);

/** A reasoning item without a text that carries the proof of the part behind it. */
export function proofItem({ signature, origin }: Proof): JsonObject {
  const ext = { [origin.dialect]: { [proofMark]: true } };
  const seal = sealReasoning({ type: "reasoning", text: "", signature, origin, ext });
  return { id: createId("rs"), type: "reasoning", summary: [], encrypted_content: seal };
}

/** What a reasoning item of a request hides: reasoning, or the proof of what follows it. Undefined for OpenAI's own. */
export function readSeal(
  item: JsonObject,
): { part?: ReasoningPart; proof?: NonNullable<Part["proof"]> } | undefined {
  const encrypted = stringOr(field(item, "encrypted_content"));
  if (field(item, "type") !== "reasoning" || encrypted === undefined) return undefined;
  const part = unsealReasoning(encrypted, textsOf(field(item, "summary")).join("\n\n"));
  if (!part) return undefined;
  const own: unknown = part.ext?.[part.origin.dialect];
  return isObject(own) && field(own, proofMark) === true
    ? { proof: { signature: part.signature ?? "", origin: part.origin } }
    : { part };
}
