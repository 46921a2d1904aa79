// Going on from an earlier answer by its id: `previous_response_id`, `store`.
// https://platform.openai.com/docs/guides/conversation-state
import { GatewayError } from "../../ir/error.ts";
import type { Frame } from "../../lib/frame.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../../lib/json.ts";
import { withMembers, withoutMembers } from "../../lib/json-members.ts";
import type { StateCodec } from "../dialect.ts";
import { field, stringOr, wordOf } from "../fields.ts";
import { kept } from "./kept.ts";

/** Events that carry the whole answer at its end. */
const finals: ReadonlySet<string> = new Set(["response.completed", "response.incomplete"]);

export const state: StateCodec = {
  previousId: (read) => stringOr(read("previous_response_id")),
  conversationOf(body) {
    const given = field(body, "conversation");
    return stringOr(isObject(given) ? field(given, "id") : given);
  },
  // Kept unless the client says otherwise.
  wantsKept: (read) => read("store") !== false,
  inputOf: (body) => itemsOf(field(body, "input")),
  outputOf: (answer) => itemsOf(field(answer, "output")),
  idOf: (answer) => stringOr(field(answer, "id")),
  answerIn({ event, data }: Frame) {
    // The name is in the data too, but parsing every event for it would be dear.
    if (event !== undefined && !finals.has(event)) return undefined;
    if (event === undefined && ![...finals].some((name) => data.includes(name))) return undefined;
    const body = objectIn(data);
    const answer = field(body, "response");
    return finals.has(wordOf(field(body, "type"))) && isObject(answer) ? answer : undefined;
  },
  idIn({ event, data }: Frame) {
    if (event !== undefined && event !== "response.created") return undefined;
    if (event === undefined && !data.includes("response.created")) return undefined;
    const body = objectIn(data);
    const answer = field(body, "response");
    const isStart = field(body, "type") === "response.created" && isObject(answer);
    return isStart ? stringOr(field(answer, "id")) : undefined;
  },
  isOpen: (answer) => ["queued", "in_progress"].includes(wordOf(field(answer, "status"))),
  goOn(bytes, before) {
    const text = Buffer.from(bytes).toString("utf8");
    const given = itemsOf(field(parseObject(text), "input"));
    const plain = withoutMembers(bytes, ["previous_response_id"]);
    return withMembers(plain, { input: [...before, ...given] });
  },
  unknown(id) {
    if (id.startsWith("conv")) {
      const message = `Conversation with id '${id.slice(0, 200)}' not found.`;
      throw new GatewayError("not_found", message, { param: "conversation" });
    }
    throw new GatewayError("invalid_request", `Previous response with id '${id}' not found.`, {
      param: "previous_response_id",
      upstream: { code: "previous_response_not_found" },
    });
  },
  kept,
};

/** What is no JSON object says nothing here: whoever reads the stream tells of it. */
function objectIn(data: string): JsonObject {
  try {
    return parseObject(data);
  } catch (error) {
    if (error instanceof JsonError) return {};
    throw error;
  }
}

/** A text stands for one message of the user. */
function itemsOf(value: unknown): JsonObject[] {
  if (typeof value === "string") return [{ type: "message", role: "user", content: value }];
  return Array.isArray(value) ? value.filter(isObject) : [];
}
