// A whole answer in the form of `/api/chat` or `/api/generate`, as it was asked for.
// https://docs.ollama.com/api/chat#response
import type { ChatResponse, Part } from "../../ir/chat.ts";
import { stringify } from "../../lib/json.ts";
import type { AnswerContext } from "../dialect.ts";
import { createNotices, type Notice } from "../losses.ts";
import { noticeProof } from "../lost-proof.ts";
import { createLine, encodeCall, type Said } from "./answer.ts";
import { encodeFinish } from "./finish.ts";
import { encodeImage } from "./images.ts";
import { encodeUsage } from "./usage.ts";
import { dialectId, foreignFields, noForm, ownExt } from "./wire.ts";

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const notice = createNotices(context, dialectId);
  const [candidate, ...others] = response.candidates;
  if (others.length > 0) notice("choices", "Ollama shows one answer of several");
  for (const key of [...foreignFields(response.ext), ...foreignFields(candidate?.ext)]) {
    notice(key, noForm);
  }
  const { word, loss } = encodeFinish(candidate?.finish ?? { reason: "other" });
  if (loss !== undefined) notice("done_reason", loss);
  const line = createLine(context, () => ({ ...response }));
  const ending = {
    done: true,
    done_reason: word,
    ...encodeUsage(response.usage),
    ...ownExt(response.ext),
    ...ownExt(candidate?.ext),
  };
  return stringify(line(say(candidate?.parts ?? [], notice), ending));
}

function say(parts: readonly Part[], notice: Notice): Required<Said> {
  const said: Required<Said> = { text: "", thinking: "", images: [], calls: [] };
  for (const [index, part] of parts.entries()) {
    const place = `content[${index}]`;
    switch (part.type) {
      case "text":
        said.text += part.text;
        if (part.citations?.length) notice("citations", noForm);
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        break;
      case "refusal":
        said.text += part.text;
        for (const key of foreignFields(part.ext)) notice(key, noForm);
        break;
      case "reasoning":
        said.thinking += part.text;
        noticeProof(part, noForm, notice);
        break;
      case "tool-call":
        if (part.executor === "client") {
          said.calls.push(encodeCall(part, said.calls.length, { place, notice }));
        } else notice(place, `the provider's own call of \`${part.name}\` is not shown`);
        break;
      case "image": {
        const image = encodeImage(part);
        if (image !== undefined) said.images.push(image);
        else notice(place, noForm);
        break;
      }
      case "audio":
      case "file":
      case "tool-result":
      case "opaque":
        notice(place, `${part.type}: ${noForm}`);
        break;
      default:
        part satisfies never;
    }
  }
  return said;
}
