// Thought signatures: a call's fits that call alone, any other part's fits parts that call nothing.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { signThinking, verifyThinking } from "./signature.ts";

/** Documented stand-ins for calls that no model of this vendor made: https://ai.google.dev/gemini-api/docs/thought-signatures */
const standIns: ReadonlySet<string> = new Set([
  "context_engineering_is_the_way_to_go",
  "skip_thought_signature_validator",
]);

/** As text, or as the bytes that the field holds: both are in use. */
export const isStandIn = (signature: string): boolean =>
  standIns.has(signature) || standIns.has(Buffer.from(signature, "base64").toString());

/** What a part's signature is bound to. */
export function bindingOf(part: JsonObject): string {
  const call = part["functionCall"];
  if (!isObject(call)) return "no call";
  return `call ${String(call["name"])} ${canonical(call["args"] ?? {})}`;
}

export const signPart = (part: JsonObject): string => signThinking(bindingOf(part));

/** Whether the signature on `part` is one that {@link signPart} made for such a part. */
export function verifyPart(part: JsonObject): boolean {
  const signature = String(part["thoughtSignature"]).replaceAll("-", "+").replaceAll("_", "/");
  const padded = signature.padEnd(Math.ceil(signature.length / 4) * 4, "=");
  return verifyThinking(bindingOf(part), padded);
}

/** JSON with sorted keys: how an object is spelt does not matter. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join()}}`;
}
