// The line a problem stands on, with secrets masked and a caret below the offending text.
import type { Path } from "../lib/json.ts";
import type { Place, Range } from "./document.ts";

export interface Excerpt {
  line: number;
  column: number;
  excerpt: string;
}

const maxWidth = 100;
const mask = "***";

/**
 * Excerpts go to terminals, logs and the admin API, so a value is shown only when `isPublic` knows its path, and a key
 * not where `isMisplaced` says that a secret belongs; what no value covers (comments, broken text) is shown without whatever looks like a secret.
 */
export function createExcerpts(
  text: string,
  places: Iterable<Place>,
  { isPublic, isMisplaced }: { isPublic(path: Path): boolean; isMisplaced(path: Path): boolean },
): (range: Range) => Excerpt {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);

  const covered: Range[] = [];
  const hidden: Range[] = [];
  for (const place of places) {
    if (place.key !== undefined) {
      covered.push(place.key);
      if (isMisplaced(place.path)) hidden.push(place.key);
    }
    if (!place.scalar) continue;
    covered.push(place.value);
    const raw = text.slice(place.value.start, place.value.end);
    if (!isReference(raw) && !isPublic(place.path)) hidden.push(place.value);
  }

  return (range) => {
    const index = lineOf(starts, Math.min(range.start, text.length));
    const start = starts[index] ?? 0;
    const end = starts[index + 1] ?? text.length;
    const line = text.slice(start, end).replace(/[\r\n]+$/, "");
    const within = (spans: readonly Range[]): Range[] =>
      spans
        .filter((span) => span.start < start + line.length && span.end > start)
        .map((span) => ({
          start: Math.max(span.start - start, 0),
          end: Math.min(span.end - start, line.length),
        }));
    const secrets = [
      ...within(hidden),
      ...suspicious(line, within(covered)),
      ...matchesOf(line, /(?<=\/\/)[^/\s@]+(?=@)/g),
    ];
    const column = range.start - start;
    const drawn = draw(line, secrets, column, Math.max(range.end - range.start, 1));
    return { line: index + 1, column: column + 1, excerpt: drawn };
  };
}

/** Only references to secrets kept elsewhere, no default. */
const isReference = (raw: string): boolean =>
  /^["']?(?:\$\{(?:[A-Za-z_]\w*|(?:file|credential):[^}]*)\})+["']?$/.test(raw);

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

const matchesOf = (line: string, pattern: RegExp): Range[] =>
  [...line.matchAll(pattern)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));

/** What may be a secret in text that was not understood: long tokens with digits, and what follows a telling name. */
export function suspicious(line: string, covered: readonly Range[]): Range[] {
  if (line.length > 10_000) return [{ start: 0, end: line.length }];
  const found = [
    ...matchesOf(line, /(?=[A-Za-z_\-+/=.]*\d)[A-Za-z0-9_\-+/=.]{16,}/g),
    ...matchesOf(
      line,
      /(?<=(?:key|secret|token|passw|auth)\w*["']?\s{0,9}[:=]\s{0,9})[^\s,}\]#]+/gi,
    ),
  ];
  return found.filter(
    (span) => !covered.some((other) => other.start < span.end && span.start < other.end),
  );
}

function draw(line: string, secrets: readonly Range[], column: number, length: number): string {
  let text = "";
  let at = 0;
  let caret = column;
  let width = Math.min(length, Math.max(line.length - column, 1));
  for (const span of secrets.toSorted((left, right) => left.start - right.start)) {
    if (span.end <= at) continue;
    const start = Math.max(span.start, at);
    text += line.slice(at, start);
    if (column >= span.end) caret += mask.length - (span.end - start);
    else if (column >= start) {
      caret = text.length;
      width = mask.length;
    } else if (column + length > start) {
      width = Math.max(width + mask.length - (Math.min(span.end, column + length) - start), 1);
    }
    text += mask;
    at = span.end;
  }
  text += line.slice(at);
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
    char === "\t" ? " " : "\uFFFD".repeat(char.length),
  );
  const from = caret + width > maxWidth ? Math.max(caret - 30, 0) : 0;
  const shown = clean.slice(from, from + maxWidth);
  const carets = "^".repeat(Math.max(Math.min(width, shown.length - (caret - from)), 1));
  return `${shown}\n${" ".repeat(caret - from)}${carets}`;
}
