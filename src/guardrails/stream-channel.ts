// Which text an event of a stream spells out a piece of: wires differ in names, not in the idea.
import type { Path } from "../lib/json.ts";
import type { JsonScalar } from "../lib/json-scalars.ts";
import { isSpoken } from "./place.ts";

/** Members of the objects on the way to a text that say which text it is. */
const tellers = [
  "index",
  "output_index",
  "content_index",
  "summary_index",
  "item_id",
  "response_id",
  "contentBlockIndex",
  "thought",
];

/**
 * The name of the text that a scalar of an event is a piece of; null: it stands for itself.
 * @param value the event, parsed
 * @param event its name, where the wire gives it one
 */
export function channelOf(
  { path, type }: JsonScalar,
  value: unknown,
  event: string | undefined,
): string | null {
  if (type !== "text" || !isSpoken(path)) return null;
  const kind = memberOf(value, "type");
  if ([kind, event].some(isSound)) return null;
  // What begins a block and what goes on with it are events of different kinds, and one text.
  const isBlock = path.length > 1 && (path[0] === "delta" || path[0] === "content_block");
  const place = inOneList(isBlock ? ["delta", ...path.slice(1)] : path);
  const told: unknown[] = isBlock ? [] : [event, kind];
  let node = value;
  for (const step of path) {
    if (!Array.isArray(node)) for (const name of tellers) told.push(memberOf(node, name));
    node = memberOf(node, String(step));
  }
  return JSON.stringify([place, told]);
}

/** Parts of one list are one text, however many of them an event has. */
const inOneList = (path: Path): Path =>
  path.at(-1) === "text" && typeof path.at(-2) === "number"
    ? [...path.slice(0, -2), "*", "text"]
    : path;

/** Which block or item of the answer an event is about. */
export const groupOf = (value: unknown): string =>
  JSON.stringify(tellers.map((name) => memberOf(value, name)));

/** Whether the event says that nothing more comes of its block or item. */
export function isClosing(value: unknown, event: string | undefined): boolean {
  const kind = memberOf(value, "type");
  return [kind, event].some(
    (name) => typeof name === "string" && /(?:[._-](?:done|stop|end|completed)|Stop)$/.test(name),
  );
}

/** Whether the event repeats what others have spelt out, or what was asked. */
export function isRepeat(value: unknown, path: Path): boolean {
  const kind = memberOf(value, "type");
  const [root] = path;
  return (
    (typeof kind === "string" && /[._](?:done|completed|added|created)$/.test(kind)) ||
    (root === "response" && path.length > 1)
  );
}

function memberOf(node: unknown, name: string): unknown {
  if (typeof node !== "object" || node === null) return null;
  return Object.getOwnPropertyDescriptor(node, name)?.value ?? null;
}

/** Sound in base64 is no text. */
const isSound = (kind: unknown): boolean =>
  typeof kind === "string" && /(?:^|[._])audio\.delta$/.test(kind);
