// Bedrock's Converse answer read into the internal representation.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax
import type { ChatResponse, Origin } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, rawAt } from "../../lib/json.ts";
import type { Body, Decoded } from "../dialect.ts";
import { unknownFields } from "../ext.ts";
import { field, stringOr } from "../fields.ts";
import { invalidAnswer } from "../upstream-error.ts";
import { decodeBlocks } from "./block-decode.ts";
import { decodeFinish } from "./finish.ts";
import { decodeUsage } from "./usage.ts";
import { objectIn, withExt } from "./wire.ts";

/** Fields of an answer that are read; all others are kept with the candidate. */
const answerKeys = new Set(["output", "stopReason", "usage"]);

/** @throws GatewayError `upstream_invalid` when this is no answer. */
export function decodeResponse({ json, text }: Body, origin: Origin): Decoded<ChatResponse> {
  const message = objectIn(objectIn(json, "output"), "message");
  const content = field(message, "content");
  if (!Array.isArray(content)) {
    throw invalidAnswer("The provider's answer has no `output.message.content`.", text);
  }
  const inputs = rawInputs(content, text);
  const parts = decodeBlocks(content, "content", {
    origin,
    isRequest: false,
    rawAt: (path) => inputs.get(path),
  });
  const additional = field(json, "additionalModelResponseFields");
  const usage = decodeUsage(field(json, "usage"));
  return {
    value: {
      // The wire has no id of an answer's own.
      id: createId("converse"),
      model: "",
      candidates: [
        {
          parts,
          finish: decodeFinish(stringOr(field(json, "stopReason")), additional),
          ...withExt(keptOf(json)),
        },
      ],
      ...(usage ? { usage } : {}),
    },
    warnings: [],
  };
}

/** What an answer says beyond its content; a stop sequence is told in `finish`. */
export function keptOf(answer: JsonObject): JsonObject | undefined {
  const { additionalModelResponseFields: additional, ...kept } =
    unknownFields(answer, answerKeys) ?? {};
  const { stop_sequence: _, ...others } = isObject(additional) ? additional : {};
  return Object.keys(others).length > 0
    ? { ...kept, additionalModelResponseFields: additional }
    : kept;
}

function rawInputs(content: readonly unknown[], text: string): ReadonlyMap<string, string> {
  if (!content.some((block) => isObject(block) && "toolUse" in block)) return new Map();
  const found = rawAt(text, ["output", "message", "content", "*", "toolUse", "input"]);
  return new Map(
    found.map(({ path, text: input }) => [`content[${String(path[3])}].toolUse.input`, input]),
  );
}
