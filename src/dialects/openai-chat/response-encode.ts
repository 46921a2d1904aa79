// A whole answer as a chat completion object.
// https://platform.openai.com/docs/api-reference/chat/object
import type { Candidate, ChatResponse, ToolCallPart } from "../../ir/chat.ts";
import { now } from "../../lib/clock.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { noticeQuote } from "../cited-source.ts";
import type { AnswerContext } from "../dialect.ts";
import { createFreeformCheck, unwrapInput } from "../freeform.ts";
import { createNotices, type Notice } from "../losses.ts";
import { noticePause } from "../lost-pause.ts";
import { encodeFinish } from "./finish.ts";
import {
  asksForFunctions,
  encodeAnnotation,
  encodeAudioAnswer,
  encodeImageAnswer,
} from "./message-encode.ts";
import { encodeDetails, isDetail, needsDetail } from "./reasoning.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const notice = createNotices(context, dialectId);
  const isFreeform = createFreeformCheck(context.request);
  for (const key of foreignFields(response.ext)) notice(key, noForm);
  return stringify({
    id: response.id,
    object: "chat.completion",
    created: Math.floor((response.createdMs ?? now()) / 1000),
    model: response.model || context.model,
    choices: response.candidates.map((candidate, index) =>
      encodeChoice(asAsked(candidate, isFreeform), index, asksForFunctions(context), notice),
    ),
    ...(response.usage ? { usage: encodeUsage(response.usage) } : {}),
    ...ownExt(response.ext),
  });
}

/** Calls of free-form tools in the form that the client declared them in. */
function asAsked(
  candidate: Candidate,
  isFreeform: ReturnType<typeof createFreeformCheck>,
): Candidate {
  const parts = candidate.parts.map((part) =>
    part.type === "tool-call" && isFreeform(part)
      ? { ...part, freeform: true, args: unwrapInput(part.args) }
      : part,
  );
  return { ...candidate, parts };
}

function encodeChoice(
  candidate: Candidate,
  index: number,
  isLegacy: boolean,
  notice: Notice,
): JsonObject {
  const { message: extras, ...kept } = ownExt(candidate.ext);
  for (const key of foreignFields(candidate.ext)) notice(key, noForm);
  noticePause(candidate.finish, notice);
  return {
    index,
    message: {
      ...encodeMessage(candidate, isLegacy, notice),
      ...(isObject(extras) ? extras : {}),
    },
    logprobs: null,
    finish_reason: encodeFinish(candidate.finish, isLegacy),
    ...kept,
  };
}

function encodeMessage(candidate: Candidate, isLegacy: boolean, notice: Notice): JsonObject {
  let text: string | undefined;
  let refusal: string | undefined;
  let reasoning = "";
  const blocks: unknown[] = [];
  const details: unknown[] = [];
  const calls: ToolCallPart[] = [];
  const annotations: unknown[] = [];
  const images: JsonObject[] = [];
  let audio: JsonObject | undefined;
  for (const [index, part] of candidate.parts.entries()) {
    const place = `content[${index}]`;
    switch (part.type) {
      case "text": {
        const start = text?.length ?? 0;
        text = (text ?? "") + part.text;
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        for (const citation of part.citations ?? []) {
          const annotation = encodeAnnotation(citation, { start, end: text.length });
          if (annotation === undefined) notice("citations", noForm);
          else {
            annotations.push(annotation);
            noticeQuote(citation.raw, noForm, notice);
          }
        }
        break;
      }
      case "reasoning":
        reasoning += part.text;
        if (needsDetail(part)) {
          details.push(...encodeDetails(part, { index: details.length, isForClient: true }));
        }
        break;
      case "refusal":
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        refusal = (refusal ?? "") + part.text;
        break;
      case "tool-call":
        if (part.executor === "client") calls.push(part);
        else notice(place, `the provider's own call of \`${part.name}\` is not shown`);
        break;
      case "image": {
        const image = encodeImageAnswer(part);
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        if (image) images.push(image);
        else notice(place, noForm);
        break;
      }
      case "audio":
        audio = encodeAudioAnswer(part);
        if (!audio) notice(place, noForm);
        break;
      case "opaque":
        if (isDetail(part)) details.push(part.raw);
        else if (part.origin === dialectId) blocks.push(part.raw);
        else notice(place, noForm);
        break;
      case "file":
      case "tool-result":
        notice(place, `a ${part.type} in an answer is not shown`);
        break;
      default:
        part satisfies never;
    }
  }
  // Parts that only this wire's own servers make; then the text is one of them.
  const content =
    blocks.length === 0
      ? text
      : [...(text === undefined ? [] : [{ type: "text", text }]), ...blocks];
  return {
    role: "assistant",
    content: content ?? null,
    refusal: refusal ?? null,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(details.length > 0 ? { reasoning_details: details } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
    ...(images.length > 0 ? { images } : {}),
    ...(audio ? { audio } : {}),
    ...encodeCalls(calls, isLegacy),
  };
}

function encodeCalls(calls: readonly ToolCallPart[], isLegacy: boolean): JsonObject {
  const [first] = calls;
  if (!first) return {};
  if (isLegacy) return { function_call: { name: first.name, arguments: first.args } };
  return {
    tool_calls: calls.map((call) => ({
      id: call.id,
      ...(call.freeform
        ? { type: "custom", custom: { name: call.name, input: call.args } }
        : { type: "function", function: { name: call.name, arguments: call.args } }),
      ...ownExt(call.ext),
    })),
  };
}
