// A provider's Messages answer read into the internal representation. Forgiving: servers that copy this wire differ.
// https://platform.claude.com/docs/en/api/messages
import type { Candidate, ChatResponse, Finish, Origin, Part, RefusalPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeBlock } from "./block-decode.ts";
import { decodeInlineError } from "./error.ts";
import { decodeFinish } from "./finish.ts";
import { decodeUsage } from "./usage.ts";
import { withExt } from "./wire.ts";

/** @throws GatewayError `upstream_invalid` when this is no answer; the upstream's own error when it says one. */
export function decodeResponse(body: Body, origin: Origin): Decoded<ChatResponse> {
  const { json, text } = body;
  const content = field(json, "content");
  if (!Array.isArray(content)) {
    if (isObject(field(json, "error"))) throw decodeInlineError(json);
    throw invalidAnswer("The provider's answer has no `content`.", text);
  }
  const inputs = content.some((block) => isObject(block) && isObject(block["input"]))
    ? inputTexts(text)
    : new Map<number, string>();
  const parts = content.filter(isObject).map((block, index) => {
    const inputText = inputs.get(index);
    return decodeBlock(block, `content.${index}`, {
      origin,
      isRequest: false,
      ...(inputText === undefined ? {} : { inputText }),
    });
  });
  const usage = decodeUsage(field(json, "usage"));
  return {
    value: {
      id: stringOr(field(json, "id")) || createId("msg"),
      model: stringOr(field(json, "model")) ?? "",
      candidates: [finishCandidate(parts, json)],
      ...(usage ? { usage } : {}),
    },
    warnings: [],
  };
}

function inputTexts(text: string): Map<number, string> {
  const found = rawAt(text, ["content", "*", "input"]);
  return new Map(found.map(({ path, text: input }) => [Number(path[1]), input]));
}

/** Fields of a message that are read; all others are kept with the candidate. */
const messageKeys = new Set([
  "id",
  "type",
  "role",
  "model",
  "content",
  "usage",
  "stop_reason",
  "stop_sequence",
  "stop_details",
]);

/** How an answer ended, from the fields of a whole message. */
export interface Ending {
  finish: Finish;
  /** What the provider says of a refusal, as a part of its own. */
  refusal?: RefusalPart;
  /** Fields that only this dialect knows. */
  kept: JsonObject;
}

export function decodeEnding(message: JsonObject): Ending {
  const kept = unknownFields(message, messageKeys) ?? {};
  const details = field(message, "stop_details");
  const explanation = isObject(details) ? stringOr(field(details, "explanation")) : undefined;
  if (isObject(details) && explanation === undefined) kept["stop_details"] = details;
  return {
    finish: decodeFinish(
      stringOr(field(message, "stop_reason")),
      stringOr(field(message, "stop_sequence")),
    ),
    // Kept whole beside the text: this dialect's encoder shows it where it came from, not as content.
    ...(isObject(details) && explanation !== undefined
      ? {
          refusal: { type: "refusal", text: explanation, ...withExt({ stop_details: details }) },
        }
      : {}),
    kept,
  };
}

function finishCandidate(parts: Part[], message: JsonObject): Candidate {
  const { finish, refusal, kept } = decodeEnding(message);
  return { parts: refusal ? [...parts, refusal] : parts, finish, ...withExt(kept) };
}
