// How often the vendor's own tools may be called: `max_tool_calls`, all of them together.
// https://platform.openai.com/docs/api-reference/responses/create
import { withMembers } from "../../lib/json-members.ts";
import type { ToolCallsCodec } from "../dialect.ts";

export const toolCalls: ToolCallsCodec = {
  stated(body) {
    const most = body["max_tool_calls"];
    const isStated = typeof most === "number" && Number.isSafeInteger(most) && most >= 0;
    return isStated ? { calls: most, open: 0 } : { calls: 0, open: 1 };
  },
  capped: (bytes, most) => withMembers(bytes, { max_tool_calls: most }),
};
