// `stream_options.include_usage` spliced into a relayed body, and its extra chunk recognised.
// https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options
import type { UsageOption } from "../dialect.ts";
import { isObject, parse } from "../../lib/json.ts";

export const usageOption: UsageOption = {
  edits(body, members) {
    const options = members.get("stream_options");
    if (!options) {
      const stream = members.get("stream");
      if (!stream) return [];
      const { end } = stream.value;
      return [{ start: end, end, text: ',"stream_options":{"include_usage":true}' }];
    }
    const { start, end } = options.value;
    const value = parse(Buffer.from(body.subarray(start, end)).toString("utf8"));
    if (isObject(value) && value["include_usage"] === true) return [];
    const edited = { ...(isObject(value) ? value : {}), include_usage: true };
    return [{ start, end, text: JSON.stringify(edited) }];
  },

  isUsageOnly(frame) {
    // Cheap refusal first: nearly every chunk has a choice.
    if (!/"choices"\s*:\s*\[\s*\]/.test(frame.data)) return false;
    try {
      const chunk: unknown = JSON.parse(frame.data);
      return isObject(chunk) && isObject(chunk["usage"]) && Array.isArray(chunk["choices"]);
    } catch {
      return false;
    }
  },
};
