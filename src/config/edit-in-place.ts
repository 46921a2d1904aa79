// Edits that touch nothing but the lines they are about: other values for scalars, new entries behind the others.
import { isMap, parseDocument, stringify } from "yaml";
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { parseText, placeKey } from "./document.ts";

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly by: string;
}

interface Steps {
  readonly scalars: { path: Path; value: unknown }[];
  readonly entries: { parent: Path; name: string; value: unknown }[];
}

/** The text that says `wanted`, every other byte as it was; null where that takes more than such edits. */
export function editInPlace(text: string, before: unknown, wanted: unknown): string | null {
  const steps: Steps = { scalars: [], entries: [] };
  if (!findSteps(before, wanted, [], steps)) return null;
  const { places } = parseText(text);
  const cuts: Cut[] = [];
  for (const { path, value } of steps.scalars) {
    const place = places.get(placeKey(path));
    if (!place?.scalar) return null;
    cuts.push({ ...place.value, by: spelled(value) });
  }
  const document = parseDocument(text, { version: "1.2", stringKeys: true });
  for (const { parent, name, value } of steps.entries) {
    const map = parent.length === 0 ? document.contents : document.getIn(parent, true);
    const [first] = isMap(map) ? map.items : [];
    const last = isMap(map) ? map.items.at(-1) : undefined;
    if (!isMap(map) || map.flow === true || !first || !last) return null;
    const start = rangeOf(first.key)?.[0];
    const end = rangeOf(last.value)?.[1] ?? rangeOf(last.key)?.[1];
    if (start === undefined || end === undefined) return null;
    const indent = " ".repeat(start - text.lastIndexOf("\n", start - 1) - 1);
    const lines = stringify({ [name]: value }, { lineWidth: 0 })
      .trimEnd()
      .split("\n");
    const by = lines.map((line) => `\n${line === "" ? "" : indent + line}`).join("");
    // Behind the line that the last entry ends on, comment and all.
    const at = text.indexOf("\n", text[end - 1] === "\n" ? end - 1 : end);
    const place = at < 0 ? text.length : at;
    cuts.push({ start: place, end: place, by });
  }
  const edited = replaced(text, cuts);
  const { value, faults } = parseText(edited);
  return faults.length === 0 && Bun.deepEquals(value, wanted) ? edited : null;
}

/** The text with other pieces in the place of some; of several at one place the first comes first. */
export function replaced(text: string, cuts: readonly Cut[]): string {
  let edited = text;
  for (const { start, end, by } of cuts
    .toReversed()
    .toSorted((one, two) => two.start - one.start)) {
    edited = edited.slice(0, start) + by + edited.slice(end);
  }
  return edited;
}

/** False where something goes, or becomes another kind of thing. */
function findSteps(before: unknown, wanted: unknown, path: Path, steps: Steps): boolean {
  if (Bun.deepEquals(before, wanted)) return true;
  if (isObject(before) && isObject(wanted)) return findEntries(before, wanted, path, steps);
  if (Array.isArray(before) && Array.isArray(wanted) && before.length === wanted.length) {
    return before.every((item, at) => findSteps(item, wanted[at], [...path, at], steps));
  }
  if (!isPlain(before) || !isPlain(wanted)) return false;
  steps.scalars.push({ path, value: wanted });
  return true;
}

function findEntries(before: JsonObject, wanted: JsonObject, path: Path, steps: Steps): boolean {
  if (Object.keys(before).some((name) => !Object.hasOwn(wanted, name))) return false;
  return Object.entries(wanted).every(([name, value]) => {
    if (Object.hasOwn(before, name)) return findSteps(before[name], value, [...path, name], steps);
    steps.entries.push({ parent: path, name, value });
    return true;
  });
}

const isPlain = (value: unknown): boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

/** On one line: as people would write it where that is possible. */
function spelled(value: unknown): string {
  const plain = stringify(value, { lineWidth: 0 }).trimEnd();
  return plain.includes("\n") ? JSON.stringify(value) : plain;
}

const rangeOf = (node: unknown): readonly number[] | undefined =>
  typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)
    ? node.range
    : undefined;
