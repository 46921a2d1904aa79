// How often the vendor's own tools may be called: `max_uses` of each that is paid for by the call.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool
import { isObject, type JsonObject, JsonError, parse, scan, scanArray } from "../../lib/json.ts";
import { withMembers } from "../../lib/json-members.ts";
import type { ToolCallsCodec } from "../dialect.ts";

/** Those that take the bound; others are not paid for by the call. */
const takesBound = /^web_(?:search|fetch)_/;

const boundOf = (tool: unknown): number | null | undefined => {
  if (!isObject(tool) || !takesBound.test(String(tool["type"]))) return undefined;
  const uses = tool["max_uses"];
  return typeof uses === "number" && Number.isSafeInteger(uses) && uses >= 0 ? uses : null;
};

export const toolUses: ToolCallsCodec = {
  stated(body) {
    const tools = Array.isArray(body["tools"]) ? body["tools"] : [];
    const bounds = tools.map(boundOf).filter((bound) => bound !== undefined);
    return {
      calls: bounds.reduce<number>((sum, bound) => sum + (bound ?? 0), 0),
      open: bounds.filter((bound) => bound === null).length,
    };
  },
  capped(bytes, most) {
    const span = scan(bytes).get("tools")?.value;
    if (!span) return bytes;
    const list = bytes.subarray(span.start, span.end);
    const pieces: Uint8Array[] = [];
    let from = 0;
    for (const { start, end } of scanArray(list)) {
      const tool = list.subarray(start, end);
      if (boundOf(toolIn(tool)) !== null) continue;
      pieces.push(list.subarray(from, start), withMembers(tool, { max_uses: most }));
      from = end;
    }
    if (pieces.length === 0) return bytes;
    return Buffer.concat([
      bytes.subarray(0, span.start),
      ...pieces,
      list.subarray(from),
      bytes.subarray(span.end),
    ]);
  },
};

function toolIn(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value = parse(Buffer.from(bytes).toString("utf8"));
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
