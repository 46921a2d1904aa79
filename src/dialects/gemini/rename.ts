// Another model's name in a body that names it besides the path: `models/…` in counts and embeddings.
import { JsonError, type Member, scan, scanArray, type Span } from "../../lib/json.ts";
import type { Edit } from "../dialect.ts";

/** The body's own `model`, that of every item of `requests`, and that of `generateContentRequest`. */
export function renameModel(
  body: Uint8Array,
  members: ReadonlyMap<string, Member>,
  model: string,
): Edit[] {
  const text = JSON.stringify(model.includes("/") ? model : `models/${model}`);
  const spans = [
    members.get("model")?.value,
    ...itemsOf(body, members.get("requests")?.value).map((item) => modelIn(body, item)),
    ...["generateContentRequest", "generate_content_request"].map((key) =>
      modelIn(body, members.get(key)?.value),
    ),
  ];
  return spans.filter((span) => span !== undefined).map(({ start, end }) => ({ start, end, text }));
}

function itemsOf(body: Uint8Array, list: Span | undefined): Span[] {
  if (!list || body[list.start] !== 0x5b) return [];
  return scanArray(body.subarray(list.start, list.end)).map(({ start, end }) => ({
    start: start + list.start,
    end: end + list.start,
  }));
}

function modelIn(body: Uint8Array, object: Span | undefined): Span | undefined {
  if (!object || body[object.start] !== 0x7b) return undefined;
  try {
    const found = scan(body.subarray(object.start, object.end)).get("model")?.value;
    return found && { start: found.start + object.start, end: found.end + object.start };
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
