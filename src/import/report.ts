// What became of every key of a source: nothing is lost without a line.
import { formatPath } from "../config/problems.ts";
import type { Path } from "../lib/json.ts";
import { isObject } from "../lib/json.ts";
import type { Source } from "./source.ts";

export type Outcome = "carried" | "adapted" | "not_carried";

export interface ReportLine {
  /** The key in the source. */
  source: string;
  outcome: Outcome;
  /** Where it went. */
  to: string[];
  /** How it differs, or why it was left and what to do instead. */
  note: string | null;
}

/** A place in what is written; a function where it is only known at the end. */
export type Target = Path | (() => Path);

/** Why keys are not carried, by their names. */
export type Reasons = Readonly<Record<string, string>>;

export interface Report {
  carried(path: Path, to: Target): void;
  /** It went somewhere, and is not quite the same there. */
  adapted(path: Path, to: Target | undefined, how: string): void;
  left(path: Path, why: string): void;
  /** Says of each key of a map that nothing was said of yet why it is left. */
  explain(path: Path, value: unknown, reasons: Reasons): void;
  /** A line for every leaf. `written` is what the targets are places of. */
  lines(written: unknown): ReportLine[];
  /** Where an entry of the source went, for its comments; undefined when it went nowhere. */
  placeOf(path: Path, written: unknown): Path | undefined;
  /** What comments at this entry should stand above, where that is not the place of its first key. */
  anchor(path: Path, to: Target): void;
}

interface Mark {
  path: Path;
  outcome: Outcome;
  to?: Target | undefined;
  note?: string;
}

/** What nobody said anything of. */
export const unknownKey = "not known here; see docs/migration.md, or say what it does in an issue";

export function createReport(source: Source): Report {
  const marks: Mark[] = [];
  const anchors: { path: Path; to: Target }[] = [];
  const byLength = (): Mark[] =>
    marks.toSorted((one, other) => other.path.length - one.path.length);

  /** The marks of the nearest place that has any. */
  const marksOf = (leaf: Path, sorted: readonly Mark[]): Mark[] => {
    const nearest = sorted.find(({ path }) => isWithin(leaf, path));
    if (!nearest) return [];
    return marks.filter(({ path }) => path.length === nearest.path.length && isWithin(leaf, path));
  };

  return {
    carried: (path, to) => void marks.push({ path, outcome: "carried", to }),
    adapted: (path, to, how) => void marks.push({ path, outcome: "adapted", to, note: how }),
    left: (path, why) => void marks.push({ path, outcome: "not_carried", note: why }),
    anchor: (path, to) => void anchors.push({ path, to }),
    explain(path, value, reasons) {
      // Why all of it was left has been said.
      const isLeft = (mark: Mark): boolean =>
        mark.outcome === "not_carried" && isWithin(path, mark.path);
      if (!isObject(value) || marks.some(isLeft)) return;
      for (const key of Object.keys(value)) {
        const place = [...path, key];
        if (marks.some((mark) => isWithin(mark.path, place))) continue;
        const why = Object.hasOwn(reasons, key) ? reasons[key] : undefined;
        const note = isEmpty(value[key]) ? "it is empty" : (why ?? unknownKey);
        marks.push({ path: place, outcome: "not_carried", note });
      }
    },
    lines(written) {
      const sorted = byLength();
      return source.leaves.map((leaf) => {
        const found = marksOf(leaf, sorted);
        const to = found.flatMap((mark) => (mark.to ? [formatPath(settle(mark.to, written))] : []));
        const notes = found.flatMap(({ note }) => (note === undefined ? [] : [note]));
        return {
          source: formatPath(leaf) || "(all)",
          outcome: outcomeOf(found),
          to: [...new Set(to)].filter((place) => place !== ""),
          note: found.length === 0 ? unknownKey : [...new Set(notes)].join("; ") || null,
        };
      });
    },
    placeOf(path, written) {
      const anchor = anchors.find((each) => isSame(each.path, path));
      if (anchor) return settle(anchor.to, written);
      const exact = marks.find((mark) => isSame(mark.path, path) && mark.to);
      const leaves = source.leaves.filter((leaf) => isWithin(leaf, path));
      const below = leaves
        .map((leaf) => marks.find((mark) => isSame(mark.path, leaf) && mark.to))
        .find((mark) => mark !== undefined);
      const above = anchors.find((each) => isWithin(path, each.path));
      const to = exact?.to ?? below?.to ?? above?.to;
      return to && path.length > 0 ? settle(to, written) : undefined;
    },
  };
}

/** A leaf that went to several places is carried when all of it arrived unchanged. */
function outcomeOf(marks: readonly Mark[]): Outcome {
  if (marks.some(({ outcome }) => outcome === "adapted")) return "adapted";
  const isCarried = marks.some(({ outcome }) => outcome === "carried");
  if (!isCarried) return "not_carried";
  return marks.every(({ outcome }) => outcome === "carried") ? "carried" : "adapted";
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0);

const isWithin = (path: Path, place: Path): boolean =>
  place.length <= path.length && place.every((step, index) => path[index] === step);

const isSame = (one: Path, other: Path): boolean =>
  one.length === other.length && isWithin(one, other);

/** As far as the place exists: a deployment may be written as a mere name. */
function settle(target: Target, written: unknown): Path {
  const path = typeof target === "function" ? target() : target;
  let value = written;
  for (const [index, step] of path.entries()) {
    const holds = typeof value === "object" && value !== null && Object.hasOwn(value, step);
    if (!holds) return path.slice(0, index);
    value = (value as Record<string | number, unknown>)[step];
  }
  return path;
}
