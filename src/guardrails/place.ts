// Where in a body something was found, told without a word of the body's own.
import type { Path } from "../lib/json.ts";

/** Names that the wires themselves give to their fields. All others could be the caller's words. */
const wireNames: ReadonlySet<string> = new Set(
  (
    "messages message content contents text parts input inputs inputText instructions system system_instruction " +
    "systemInstruction prompt suffix query documents texts images image image_url url source data file file_data " +
    "title caption alt description name tools tool tool_calls toolConfig toolSpec function functionCall " +
    "functionResponse functionDeclarations arguments args input_schema parameters response result results output " +
    "outputs choices delta candidates thinking reasoning reasoning_content summary refusal transcript item items " +
    "session metadata user toolUse toolResult toolUseId citations cachePoint inputSchema json schema " +
    "response_format json_schema embeddings requests request body custom_id params model options template completion"
  ).split(" "),
);

/** @example placeText(["messages", 0, "secret word"]) // → "messages[0].*" */
export function placeText(path: Path, isKey = false): string {
  const steps = path.map((step) =>
    typeof step === "number" ? `[${step}]` : `.${wireNames.has(step) ? step : "*"}`,
  );
  const text = steps.join("").replace(/^\./, "");
  const place = text === "" ? "body" : text;
  return (isKey ? `${place} (a key)` : place).slice(0, 200);
}

/** What says what a part is, not what it says: the wire's own words. */
const labels: ReadonlySet<string> = new Set(
  "type role id object model finish_reason stop_reason status event_id item_id response_id call_id tool_call_id tool_use_id created created_at system_fingerprint service_tier index media_type mime_type mimeType format encoding_format signature encrypted_content thoughtSignature thought_signature native_finish_reason provider finishReason stopReason modelVersion responseId obfuscation previous_response_id done_reason digest sequence_number".split(
    " ",
  ),
);

/** Whether a text is one of the wire's labels and not part of what is said. */
export function isLabel(path: Path): boolean {
  return labels.has(lastName(path) ?? "");
}

/** Fields that hold what an answer says; streams spell them out from event to event. */
const spoken: ReadonlySet<string> = new Set(
  (
    "content text thinking reasoning reasoning_content refusal arguments partial_json delta transcript " +
    "response output completion generation outputText input tool_plan summary args"
  ).split(" "),
);

/** Those of them that hold JSON. */
const nested: ReadonlySet<string> = new Set(["arguments", "partial_json", "input", "args"]);

const lastName = (path: Path): string | undefined =>
  path.findLast((step) => typeof step === "string");

export const isSpoken = (path: Path): boolean => spoken.has(lastName(path) ?? "");
export const isNested = (path: Path): boolean => nested.has(lastName(path) ?? "");
