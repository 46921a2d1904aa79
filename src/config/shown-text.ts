// A configuration's text with its secrets masked, and the way back for what was not touched.
import { GatewayError } from "../ir/error.ts";
import { parseText, placeKey, type Range } from "./document.ts";
import { type Edit, spliceText, type TextFormat } from "./edit.ts";
import { suspicious } from "./excerpt.ts";
import { formatPath } from "./problems.ts";
import { isMask, isReference, leavesOf, maskOf, type Places, readAt } from "./written.ts";

/** The text as it may be shown: secrets by their end, and what looks like one in comments not at all. */
export const shownText = (text: string, places: Places): string =>
  cover(text, [...hiddenValues(text, places), ...hiddenComments(text)]);

interface Cover extends Range {
  readonly by: string;
}

function cover(text: string, covers: readonly Cover[]): string {
  let shown = "";
  let at = 0;
  for (const { start, end, by } of covers.toSorted((one, other) => one.start - other.start)) {
    if (start < at) continue;
    shown += text.slice(at, start) + by;
    at = end;
  }
  return shown + text.slice(at);
}

function hiddenValues(text: string, places: Places): Cover[] {
  const { value, places: found, faults } = parseText(text);
  // What cannot be read cannot be told apart: nothing of it is shown.
  if (faults.length > 0) return [{ start: 0, end: text.length, by: "# not valid YAML\n" }];
  return [...found.values()].flatMap(({ path, value: range, scalar }) => {
    if (!scalar || !places.isHidden(path)) return [];
    const written = readAt(value, path);
    if (written === null || typeof written === "boolean") return [];
    if (typeof written === "string" && isReference(written)) return [];
    const raw = text.slice(range.start, range.end);
    return [{ ...range, by: JSON.stringify(maskOf(written)) + (raw.endsWith("\n") ? "\n" : "") }];
  });
}

function hiddenComments(text: string): Cover[] {
  const { places: found } = parseText(text);
  const taken = [...found.values()].flatMap(({ key, value, scalar }) => [
    ...(key ? [key] : []),
    ...(scalar ? [value] : []),
  ]);
  const covers: Cover[] = [];
  let start = 0;
  for (const line of text.split("\n")) {
    const within = taken
      .filter((range) => range.start < start + line.length && range.end > start)
      .map((range) => ({ start: range.start - start, end: range.end - start }));
    for (const range of suspicious(line, within)) {
      covers.push({ start: start + range.start, end: start + range.end, by: "***" });
    }
    start += line.length + 1;
  }
  return covers;
}

/**
 * The text with what `current` holds where it shows a mask, and the places of those.
 * @throws GatewayError `invalid_request` where a mask stands at a place that never showed it
 */
export function unmaskText(
  text: string,
  current: string,
  { places, format }: { places: Places; format: TextFormat },
): { text: string; kept: ReadonlySet<string> } {
  const { value, faults } = parseText(text);
  if (faults.length > 0) return { text, kept: new Set() };
  const { value: before, places: ranges } = parseText(current);
  const edits = leavesOf(value).flatMap((leaf): Edit[] => {
    if (!isMask(leaf.value) || !places.isHidden(leaf.path)) return [];
    const kept = readAt(before, leaf.path);
    if (kept === undefined || maskOf(kept) !== leaf.value) throw unknownMask(leaf.path);
    const range = ranges.get(placeKey(leaf.path))?.value;
    const spelling = range && current.slice(range.start, range.end);
    const isLine = spelling !== undefined && !spelling.includes("\n");
    return [{ path: leaf.path, value: kept, ...(isLine && { spelling }) }];
  });
  const kept = new Set(edits.map(({ path }) => placeKey(path)));
  return { text: spliceText(text, edits, format), kept };
}

export const unknownMask = (path: readonly (string | number)[]): GatewayError =>
  new GatewayError(
    "invalid_request",
    `\`${formatPath(path)}\` is \`***\` as secrets are shown, and no secret that was shown so stands there: write the secret itself.`,
    { param: formatPath(path) },
  );

/** Comments back as they were, line by line, provided that this changes no value. */
export function restoreComments(text: string, current: string, places: Places): string {
  const values = hiddenValues(current, places);
  const comments = hiddenComments(current);
  if (comments.length === 0) return text;
  const originals = new Map<string, string>();
  let start = 0;
  for (const line of current.split("\n")) {
    const end = start + line.length;
    const own = comments.filter((each) => each.start >= start && each.end <= end);
    const isMixed = values.some((each) => each.start <= end && each.end >= start);
    if (own.length > 0 && !isMixed) {
      const moved = own.map((each) => ({
        ...each,
        start: each.start - start,
        end: each.end - start,
      }));
      originals.set(cover(line, moved), line);
    }
    start = end + 1;
  }
  const restored = text
    .split("\n")
    .map((line) => originals.get(line) ?? line)
    .join("\n");
  const [one, other] = [parseText(text), parseText(restored)];
  const isSame = other.faults.length === 0 && Bun.deepEquals(one.value, other.value);
  return isSame && sameKeys(one.places, other.places) ? restored : text;
}

const sameKeys = (
  one: ReadonlyMap<string, unknown>,
  other: ReadonlyMap<string, unknown>,
): boolean => one.size === other.size && [...one.keys()].every((key) => other.has(key));
