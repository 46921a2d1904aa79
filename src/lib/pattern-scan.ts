// Where the matches of a pattern stand in a text that comes piece by piece, in time linear in the text.
import { type Instruction, parsePattern, type Position } from "./pattern-syntax.ts";

/** Places in the text as its reader counts them, end exclusive. */
export interface Range {
  start: number;
  end: number;
}

export type Program = readonly Instruction[];

/** Reads one text, unit by unit. */
export interface PatternScan {
  /** The next unit; it stands at `from` to `to` in the text. */
  push(unit: number, from: number, to: number): void;
  /** The text is over. */
  end(): void;
  /** Whether anything has matched so far. */
  readonly matched: boolean;
  /** Where the earliest match begins that may still come, or that has not been taken; null: there is none. */
  readonly open: number | null;
  /** The matches that cannot grow any more, those that overlap joined. Each is given once. */
  take(): Range[];
}

/**
 * A pattern's program; see `createPattern` for its syntax.
 * @throws PatternError
 */
export const compilePattern = (source: string): Program => parsePattern(source);

const ascii = 128;
const firstUnits = new WeakMap<Program, Uint8Array>();

/**
 * Every unit is looked at once for each instruction at most, whatever the pattern. Of all ways to match at a place the
 * earliest start counts, and what overlaps is one match: all that is part of any match is found, empty ones are not.
 */
export function createPatternScan(program: Program): PatternScan {
  const size = program.length;
  const first = firstUnits.get(program) ?? beginnings(program);
  firstUnits.set(program, first);
  /** At which step an instruction was last added. */
  const added = new Float64Array(size);
  let step = 0;
  /** Instructions to go on from, and where their matches began; ascending by that. */
  const waiting: number[] = [];
  const starts: number[] = [];
  const units: number[] = [];
  const unitStarts: number[] = [];
  const stack: number[] = [];
  const found: Range[] = [];
  let before = -1;
  let last = 0;
  let matched = false;

  const hit = (start: number): void => {
    if (start >= last) return;
    matched = true;
    let from = start;
    for (let tail = found.at(-1); tail && from < tail.end; tail = found.at(-1)) {
      from = Math.min(from, tail.start);
      found.pop();
    }
    found.push({ start: from, end: last });
  };

  const follow = (pc: number, start: number, position: Position): void => {
    stack.push(pc);
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      const instruction = program[index];
      if (!instruction || added[index] === step) continue;
      added[index] = step;
      switch (instruction.type) {
        case "split":
          stack.push(instruction.other, instruction.next);
          break;
        case "check":
          if (instruction.holds(position)) stack.push(instruction.next);
          break;
        case "match":
          hit(start);
          break;
        case "unit":
          units.push(index);
          unitStarts.push(start);
          break;
        default:
          instruction satisfies never;
      }
    }
  };

  /** Follows all ways up to what comes next. */
  const advance = (position: Position, from: number): void => {
    step += 1;
    units.length = 0;
    unitStarts.length = 0;
    for (let at = 0; at < waiting.length; at += 1) {
      follow(waiting[at] ?? 0, starts[at] ?? 0, position);
    }
    follow(0, from, position);
    waiting.length = 0;
    starts.length = 0;
  };

  return {
    push(unit, from, to) {
      const isQuiet = waiting.length === 0 && unit < ascii && first[unit] === 0;
      if (!isQuiet) {
        advance({ before, after: unit }, from);
        for (let at = 0; at < units.length; at += 1) {
          const instruction = program[units[at] ?? 0];
          if (instruction?.type === "unit" && instruction.takes(unit)) {
            waiting.push(instruction.next);
            starts.push(unitStarts[at] ?? 0);
          }
        }
      }
      before = unit;
      last = to;
    },
    end() {
      advance({ before, after: -1 }, last);
    },
    get matched() {
      return matched;
    },
    get open() {
      const [going = Infinity] = starts;
      // A match that has come, and that another one may yet be joined to, is not over either.
      const come = found[0]?.start ?? Infinity;
      const earliest = Math.min(going, come);
      return earliest === Infinity ? null : earliest;
    },
    take() {
      const until = starts[0] ?? Infinity;
      const count = found.findIndex(({ end }) => end > until);
      return found.splice(0, count < 0 ? found.length : count);
    },
  };
}

/** Which ASCII units a match can begin with. */
function beginnings(program: Program): Uint8Array {
  const table = new Uint8Array(ascii);
  const seen = new Set<number>();
  const stack = [0];
  for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
    const instruction = program[index];
    if (!instruction || seen.has(index)) continue;
    seen.add(index);
    switch (instruction.type) {
      case "split":
        stack.push(instruction.other, instruction.next);
        break;
      case "check":
        stack.push(instruction.next);
        break;
      case "unit":
        for (let unit = 0; unit < ascii; unit += 1) {
          if (instruction.takes(unit)) table[unit] = 1;
        }
        break;
      case "match":
        break;
      default:
        instruction satisfies never;
    }
  }
  return table;
}
