// Finds the matches of one pattern in a text that comes piece by piece, whatever spelling it is read in.
import { type Folding, foldPoint } from "../lib/fold.ts";
import { createPatternScan, type Program, type Range } from "../lib/pattern-scan.ts";
import type { Match, Matcher } from "./guardrail.ts";

export interface MatcherKind {
  /** What it finds, e.g. `email`. */
  kind: string;
  program: Program;
  /** How the text is read; absent: as it stands. */
  folding?: Folding;
  /**
   * What of a stretch that fits the pattern is really meant; absent: all of it. It gets the stretch as it is read, and
   * gives places in that.
   */
  confirm?(text: string): Range[];
}

/** Of what is confirmed, no more is kept than what may still be asked for. */
export function createMatcher({ kind, program, folding, confirm }: MatcherKind): Matcher {
  const scan = createPatternScan(program);
  let length = 0;
  /** The first half of a sign that was cut in two. */
  let half = "";
  let isOver = false;
  /** The text as it is read, where it has to be confirmed, from its unit `base` on, and where each unit stands. */
  let read = "";
  let places: Range[] = [];
  let base = 0;

  const take = (unit: number, from: number, to: number): void => {
    if (!confirm) {
      scan.push(unit, from, to);
      return;
    }
    const at = base + places.length;
    read += String.fromCharCode(unit);
    places.push({ start: from, end: to });
    scan.push(unit, at, at + 1);
  };

  const push = (text: string): void => {
    for (let at = 0; at < text.length;) {
      const point = text.codePointAt(at) ?? 0;
      const width = point > 0xffff ? 2 : 1;
      const from = length;
      length += width;
      if (!folding) {
        for (let unit = 0; unit < width; unit += 1) {
          take(text.charCodeAt(at + unit), from + unit, from + unit + 1);
        }
      } else if (point < 0x80) {
        const unit = asciiUnits[folding][point] ?? -1;
        if (unit >= 0) take(unit, from, length);
      } else {
        const folded = foldPoint(point, folding);
        for (let unit = 0; unit < folded.length; unit += 1) {
          take(folded.charCodeAt(unit), from, length);
        }
      }
      at += width;
    }
  };

  /** Where a place of the scan stands in the text. */
  const placeOf = (at: number): number => (confirm ? (places[at - base]?.start ?? length) : at);
  const endOf = (at: number): number => (confirm ? (places[at - 1 - base]?.end ?? length) : at);

  return {
    push(text) {
      const whole = half + text;
      const last = whole.charCodeAt(whole.length - 1);
      half = last >= 0xd800 && last <= 0xdbff ? whole.slice(-1) : "";
      push(half === "" ? whole : whole.slice(0, -1));
    },
    end() {
      push(half);
      half = "";
      scan.end();
      isOver = true;
    },
    get matched() {
      return scan.matched && !confirm ? kind : null;
    },
    get settled() {
      return isOver || scan.open === null ? length : placeOf(scan.open);
    },
    take() {
      const matches: Match[] = [];
      for (const { start, end } of scan.take()) {
        const inner = confirm
          ? confirm(read.slice(start - base, end - base))
          : [{ start: 0, end: end - start }];
        for (const each of inner) {
          matches.push({ start: placeOf(start + each.start), end: endOf(start + each.end), kind });
        }
      }
      if (confirm) {
        const until = isOver ? base + places.length : (scan.open ?? base + places.length);
        read = read.slice(until - base);
        places = places.slice(until - base);
        base = until;
      }
      return matches;
    },
  };
}

/** What each ASCII sign is read as; -1: nothing. */
const asciiTable = (folding: Folding): Int16Array =>
  Int16Array.from({ length: 0x80 }, (_, point) => {
    const folded = foldPoint(point, folding);
    return folded === "" ? -1 : folded.charCodeAt(0);
  });

const asciiUnits: Readonly<Record<Folding, Int16Array>> = {
  sight: asciiTable("sight"),
  plain: asciiTable("plain"),
};
