// Adds, replaces and removes members in a JSON text, and leaves every other byte as it is.
import { JsonError, type Member, scan, scanArray, type Span, splice } from "./json.ts";

interface Edit extends Span {
  text: string;
}

/**
 * Puts values at the top level: in place where the name is there already, else at the beginning. Undefined ones are left out.
 * @throws JsonError
 * @example withMembers(Buffer.from('{ "a":1 }'), { model: "x" }) // → { "model":"x","a":1 }
 */
export function withMembers(
  bytes: Uint8Array,
  values: Readonly<Record<string, unknown>>,
): Uint8Array {
  const members = scan(bytes);
  const edits: Edit[] = [];
  let added = "";
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const known = members.get(name);
    if (known) edits.push({ ...known.value, text: JSON.stringify(value) });
    else added += `${JSON.stringify(name)}:${JSON.stringify(value)},`;
  }
  if (added !== "") {
    const [first] = members.values();
    const at = first ? first.key.start : bytes.lastIndexOf(0x7d);
    edits.push({ start: at, end: at, text: first ? added : added.slice(0, -1) });
  }
  return splice(bytes, edits);
}

/**
 * Puts a value at a path of names; objects on the way are made where there are none, and anything else there gives way.
 * @throws JsonError
 * @example withPath(Buffer.from('{"a":{"b":1}}'), ["a", "c"], 2) // → {"a":{"c":2,"b":1}}
 */
export function withPath(
  bytes: Uint8Array,
  [name = "", ...rest]: readonly string[],
  value: unknown,
): Uint8Array {
  if (rest.length === 0) return withMembers(bytes, { [name]: value });
  const inner = scan(bytes).get(name)?.value;
  const isObject = inner !== undefined && bytes[inner.start] === 0x7b;
  const whole = isObject ? bytes.subarray(inner.start, inner.end) : Buffer.from("{}");
  const text = Buffer.from(withPath(whole, rest, value)).toString("utf8");
  if (isObject) return splice(bytes, [{ ...inner, text }]);
  return withMembers(bytes, { [name]: JSON.parse(text) });
}

/** Removes members of the top level. @throws JsonError */
export const withoutMembers = (bytes: Uint8Array, names: Iterable<string>): Uint8Array => {
  const gone = new Set(names);
  return splice(
    bytes,
    removals([...scan(bytes)], (name) => gone.has(name)),
  );
};

/**
 * Removes whatever stands at a path, in which `*` is every item of a list or every member.
 * Returns null when there is nothing.
 * @throws JsonError
 * @example withoutPath(body, ["tools", "*", "strict"])
 */
export function withoutPath(bytes: Uint8Array, path: readonly string[]): Uint8Array | null {
  const edits = removalsAt(bytes, 0, path);
  return edits.length === 0 ? null : splice(bytes, edits);
}

function removalsAt(bytes: Uint8Array, offset: number, path: readonly string[]): Edit[] {
  const [step, ...rest] = path;
  const { spans, members } = partsOf(bytes);
  const inside = ({ start, end }: Span): Edit[] =>
    removalsAt(bytes.subarray(start, end), start, rest);
  const found =
    rest.length === 0
      ? removals(members, (name) => step === "*" || name === step)
      : step === "*"
        ? [...spans, ...members.map(([, { value }]) => value)].flatMap(inside)
        : members.filter(([name]) => name === step).flatMap(([, { value }]) => inside(value));
  return found.map(({ start, end, text }) => ({ start: start + offset, end: end + offset, text }));
}

function partsOf(bytes: Uint8Array): { spans: Span[]; members: [string, Member][] } {
  if (bytes[0] === 0x5b) return { spans: scanArray(bytes), members: [] };
  try {
    return { spans: [], members: [...scan(bytes)] };
  } catch (error) {
    // A scalar has no parts; whether the whole is JSON was decided before.
    if (error instanceof JsonError) return { spans: [], members: [] };
    throw error;
  }
}

/** What to cut out so that commas still stand between the members that stay. */
function removals(
  members: readonly (readonly [string, Member])[],
  isGone: (name: string) => boolean,
): Edit[] {
  const edits: Edit[] = [];
  const lastKept = members.findLastIndex(([name]) => !isGone(name));
  for (const [at, [name, member]] of members.entries()) {
    const next = members[at + 1]?.[1];
    if (at > lastKept) break;
    if (isGone(name) && next) {
      edits.push({ start: member.key.start, end: next.key.start, text: "" });
    }
  }
  const kept = members[lastKept]?.[1];
  const first = members[lastKept + 1]?.[1];
  const last = members.at(-1)?.[1];
  if (first && last) {
    edits.push({ start: kept ? kept.value.end : first.key.start, end: last.value.end, text: "" });
  }
  return edits;
}
