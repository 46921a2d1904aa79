// A whole answer as a GenerateContentResponse.
// https://ai.google.dev/api/generate-content#generatecontentresponse
import type { ChatResponse } from "../../ir/chat.ts";
import { createUsage } from "../../ir/usage.ts";
import { expand } from "../../ir/fold.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import type { AnswerContext } from "../dialect.ts";
import { createNotices } from "../losses.ts";
import { createCandidateWriter } from "./candidate-encode.ts";
import { headOf } from "./stream-encoder.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const notice = createNotices(context, dialectId);
  for (const key of foreignFields(response.ext)) notice(key, noForm);
  const extra = ownExt(response.ext);
  const candidates = response.candidates.map((candidate, index) => {
    const writer = createCandidateWriter(notice);
    const parts: JsonObject[] = [];
    for (const event of expand({ ...response, candidates: [candidate] })) {
      if (event.type === "part-start" || event.type === "part-delta" || event.type === "part-end") {
        for (const part of writer.push(event)) add(parts, part);
      }
    }
    const { finish, ext } = candidate;
    const last = writer.finish({
      type: "finish",
      candidate: index,
      finish,
      ...(ext ? { ext } : {}),
    });
    for (const part of last.parts) add(parts, part);
    const content = parts.length > 0 ? { parts, role: "model" } : { role: "model" };
    return { content, ...last.fields, index };
  });
  const feedback = extra["promptFeedback"];
  const isBlocked =
    isObject(feedback) &&
    "blockReason" in feedback &&
    response.candidates.every(({ parts }) => parts.length === 0);
  const estimate = context.inputTokens && createUsage({ total: context.inputTokens });
  const usage = response.usage ?? estimate;
  return stringify({
    ...(isBlocked ? {} : { candidates }),
    ...(usage ? { usageMetadata: encodeUsage(usage) } : {}),
    ...headOf(response, context),
    ...extra,
  });
}

/** A thought's signature, which a stream tells behind it, stands in the thought itself. */
function add(parts: JsonObject[], part: JsonObject): void {
  const last = parts.at(-1);
  const isSignature = part["thought"] === true && part["text"] === "";
  if (isSignature && last?.["thought"] === true && last["thoughtSignature"] === undefined) {
    last["thoughtSignature"] = part["thoughtSignature"];
  } else parts.push(part);
}
