// Calls of the client's tools written as items, with their groups and in the form that the client declared them in.
import type { ChatRequest, ToolCallPart } from "../../ir/chat.ts";
import { createId } from "../../lib/id.ts";
import type { JsonObject } from "../../lib/json.ts";
import { createFreeformCheck, unwrapInput } from "../freeform.ts";
import type { Output, PartWriter, WireEvent } from "./answer.ts";
import { toolFrame } from "./tool-decode.ts";
import { frameOf, ownExt } from "./wire.ts";

export interface CallWriter {
  open(part: ToolCallPart): { events: WireEvent[]; writer: PartWriter };
}

export function createCallWriter(output: Output, request: ChatRequest | undefined): CallWriter {
  const isDeclaredFree = createFreeformCheck(request);
  const declared = new Map(
    (request?.tools ?? []).flatMap((tool) => (tool.type === "provider" ? [] : [[tool.name, tool]])),
  );
  /** Its name and group on the wire. */
  const nameOf = (part: ToolCallPart): JsonObject => {
    const tool = declared.get(part.name);
    const namespace = part.namespace ?? tool?.namespace;
    const name = (tool && toolFrame(tool).name) ?? part.name;
    return { name, ...(namespace === undefined ? {} : { namespace }) };
  };

  return {
    open(part) {
      const isConverted = isDeclaredFree(part);
      const isFree = isConverted || part.freeform === true;
      const slot = output.begin();
      let frame = frameOf(part.ext);
      let own = ownExt(part.ext);
      let args = "";
      let isEnded = false;
      const id = frame.id ?? createId(isFree ? "ctc" : "fc");
      const key = isFree ? "input" : "arguments";
      const item = (said: string, status: string): JsonObject => ({
        id,
        type: isFree ? "custom_tool_call" : "function_call",
        status,
        [key]: said,
        call_id: part.id || `call_${id}`,
        ...nameOf(part),
        ...own,
      });
      const place = { item_id: id, output_index: slot.index };
      const word = isFree ? "response.custom_tool_call_input" : "response.function_call_arguments";
      const tell = (text: string): WireEvent[] =>
        text === "" ? [] : [{ type: `${word}.delta`, ...place, delta: text }];
      const say = (more: string): WireEvent[] => {
        args += more;
        // The input of a free-form tool is known when a function's arguments are whole.
        return isConverted ? [] : tell(more);
      };
      const added = item("", "in_progress");
      return {
        events: [
          { type: "response.output_item.added", output_index: slot.index, item: added },
          ...say(part.args),
        ],
        writer: {
          push(delta) {
            if (delta.type === "ext") {
              frame = { ...frame, ...frameOf(delta.ext) };
              own = { ...own, ...ownExt(delta.ext) };
            }
            return delta.type === "args" ? say(delta.args) : [];
          },
          end() {
            if (isEnded) return [];
            isEnded = true;
            const input = isConverted ? unwrapInput(args) : args;
            // Clients parse the arguments of a function; none at all are an object without members.
            const whole = !isFree && input === "" ? "{}" : input;
            const late = isConverted || whole !== args ? tell(whole) : [];
            const done = item(whole, frame.status ?? "completed");
            slot.settle(done);
            return [
              ...late,
              { type: `${word}.done`, ...place, ...nameOf(part), [key]: whole },
              { type: "response.output_item.done", output_index: slot.index, item: done },
            ];
          },
        },
      };
    },
  };
}
