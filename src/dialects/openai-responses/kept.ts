// Answers that were kept, as clients ask for them by id: the list of their input, their end.
// https://platform.openai.com/docs/api-reference/responses/input-items
import { GatewayError } from "../../ir/error.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { KeptCodec } from "../dialect.ts";
import { field, stringOr } from "../fields.ts";

const defaultLimit = 20;
const maxLimit = 100;

export const kept: KeptCodec = {
  missing: (id) =>
    new GatewayError("not_found", `Response with id '${id.slice(0, 200)}' not found.`),
  inputItems(input, id, query) {
    const limit = limitOf(query);
    const items = input.map((item, index) => named(item, `${id}_${index}`));
    const ordered = orderOf(query) === "asc" ? items : items.toReversed();
    const start = startOf(ordered, query);
    const data = ordered.slice(start, start + limit);
    return JSON.stringify({
      object: "list",
      data,
      first_id: data[0]?.["id"] ?? null,
      last_id: data.at(-1)?.["id"] ?? null,
      has_more: start + limit < ordered.length,
    });
  },
  deleted: (id) => JSON.stringify({ id, object: "response", deleted: true }),
  cannotCancel: () => new GatewayError("invalid_request", "Cannot cancel a synchronous response."),
  cannotStream: () =>
    new GatewayError(
      "invalid_request",
      "This response cannot be streamed: it was not created with `background` and `stream`.",
      { param: "stream" },
    ),
};

function limitOf(query: URLSearchParams): number {
  const limit = Number(query.get("limit") ?? defaultLimit);
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit;
  throw invalid("limit", `Invalid 'limit': expected an integer from 1 to ${maxLimit}.`);
}

function orderOf(query: URLSearchParams): "asc" | "desc" {
  const order = query.get("order") ?? "desc";
  if (order === "asc" || order === "desc") return order;
  throw invalid("order", "Invalid 'order': expected 'asc' or 'desc'.");
}

function startOf(items: readonly JsonObject[], query: URLSearchParams): number {
  const after = query.get("after");
  if (after === null) return 0;
  const at = items.findIndex((item) => item["id"] === after);
  if (at >= 0) return at + 1;
  throw invalid("after", `Invalid 'after': there is no item '${after.slice(0, 200)}'.`);
}

const invalid = (param: string, message: string): GatewayError =>
  new GatewayError("invalid_request", message, { param });

/** As the vendor shows what a client wrote: every item has an id, a message's text is a list of parts. */
function named(item: JsonObject, id: string): JsonObject {
  const role = stringOr(field(item, "role"));
  const content = field(item, "content");
  const type = role === "assistant" ? "output_text" : "input_text";
  return {
    id: `item_${id}`,
    ...(role === undefined ? {} : { type: "message", status: "completed" }),
    ...item,
    ...(role !== undefined && typeof content === "string"
      ? { content: [{ type, text: content }] }
      : {}),
  };
}
