// A whole answer as a v2 chat response.
// https://docs.cohere.com/reference/chat#response
import type { ChatResponse, Part } from "../../ir/chat.ts";
import { createUsage } from "../../ir/usage.ts";
import { createId } from "../../lib/id.ts";
import { isObject, type JsonObject, stringify } from "../../lib/json.ts";
import { noticeQuote } from "../cited-source.ts";
import type { AnswerContext } from "../dialect.ts";
import { wrapInput } from "../freeform.ts";
import { createNotices, type Notice } from "../losses.ts";
import { noticeProof } from "../lost-proof.ts";
import { encodeCitation } from "./citation.ts";
import { encodeFinish } from "./finish.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, isPlan, noForm, ownExt } from "./wire.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const notice = createNotices(context, dialectId);
  const [candidate, ...others] = response.candidates;
  if (others.length > 0) notice("choices", "Cohere shows one answer of several");
  for (const key of [...foreignFields(response.ext), ...foreignFields(candidate?.ext)]) {
    notice(key, noForm);
  }
  const { word, loss } = encodeFinish(candidate?.finish ?? { reason: "other" });
  if (loss !== undefined) notice("finish_reason", loss);
  const { logprobs, ...extra } = ownExt(candidate?.ext);
  return stringify({
    id: response.id || createId("chat"),
    message: { role: "assistant", ...encodeMessage(candidate?.parts ?? [], notice), ...extra },
    finish_reason: word,
    usage: encodeUsage(response.usage ?? createUsage({ total: context.inputTokens ?? 0 })),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...ownExt(response.ext),
  });
}

function encodeMessage(parts: readonly Part[], notice: Notice): JsonObject {
  let plan = "";
  const content: JsonObject[] = [];
  const calls: JsonObject[] = [];
  const citations: unknown[] = [];
  for (const [index, part] of parts.entries()) {
    const place = `content[${index}]`;
    switch (part.type) {
      case "text":
        if (isPlan(part)) plan += part.text;
        else content.push({ type: "text", text: part.text });
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        for (const citation of part.citations ?? []) {
          const shown = encodeCitation(citation, part.text);
          if (shown === undefined) notice("citations", noForm);
          else citations.push(shown);
          if (shown !== citation.raw) noticeQuote(citation.raw, noForm, notice);
        }
        break;
      case "refusal":
        content.push({ type: "text", text: part.text });
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        break;
      case "reasoning":
        noticeProof(part, noForm, notice);
        if (part.text !== "") content.push({ type: "thinking", thinking: part.text });
        break;
      case "tool-call":
        if (part.executor === "client") {
          const args = part.freeform ? JSON.stringify(wrapInput(part.args)) : part.args;
          calls.push(encodeCall(part, args));
        } else notice(place, `the provider's own call of \`${part.name}\` is not shown`);
        break;
      case "opaque":
        if (part.origin === dialectId && isObject(part.raw)) content.push(part.raw);
        else notice(place, `opaque: ${noForm}`);
        break;
      case "image":
      case "audio":
      case "file":
      case "tool-result":
        notice(place, `${part.type}: ${noForm}`);
        break;
      default:
        part satisfies never;
    }
  }
  return {
    ...(plan === "" ? {} : { tool_plan: plan }),
    ...(content.length > 0 || calls.length === 0 ? { content } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
    ...(citations.length > 0 ? { citations } : {}),
  };
}

export const encodeCall = (
  part: Extract<Part, { type: "tool-call" }>,
  args: string,
): JsonObject => ({
  id: part.id,
  type: "function",
  function: { name: part.name, arguments: args },
  ...ownExt(part.ext),
});
