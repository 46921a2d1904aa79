// Regular expressions that are matched in time linear in the text, whatever the pattern: no backtracking.
import { type Instruction, parsePattern, type Position } from "./pattern-syntax.ts";

/** A pattern of somebody whose texts come from others. */
export interface Pattern {
  readonly source: string;
  /** Whether it matches anywhere in the text. */
  test(text: string): boolean;
}

/**
 * What most languages share: literals, `.`, classes, groups, `|`, `* + ? {n,m}`, `^ $ \b \d \w \s`, and `(?i)` at the
 * beginning for any case. No backreferences and no lookaround, which cannot be matched in linear time.
 * @throws PatternError saying what is wrong and where
 * @example createPattern("(?i)\\bprove\\b").test("Prove it.") // → true
 */
export function createPattern(source: string): Pattern {
  const program = parsePattern(source);
  return { source, test: (text) => matches(program, text) };
}

/** All ways are followed at once, one character at a time: each instruction is looked at once for each. */
function matches(program: readonly Instruction[], text: string): boolean {
  const size = program.length;
  /** At which position an instruction was last added, plus one. */
  const added = new Uint32Array(size);
  let current: number[] = [];
  let next: number[] = [];
  const stack: number[] = [];
  let isMatch = false;

  const follow = (start: number, list: number[], at: number): void => {
    const position: Position = { before: unitAt(text, at - 1), after: unitAt(text, at) };
    stack.push(start);
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      const instruction = program[index];
      if (!instruction || added[index] === at + 1) continue;
      added[index] = at + 1;
      switch (instruction.type) {
        case "split":
          stack.push(instruction.other, instruction.next);
          break;
        case "check":
          if (instruction.holds(position)) stack.push(instruction.next);
          break;
        case "match":
          isMatch = true;
          break;
        case "unit":
          list.push(index);
          break;
        default:
          instruction satisfies never;
      }
    }
  };

  for (let at = 0; at <= text.length; at += 1) {
    follow(0, current, at);
    if (isMatch) return true;
    if (at === text.length) break;
    const unit = text.charCodeAt(at);
    for (const index of current) {
      const instruction = program[index];
      if (instruction?.type === "unit" && instruction.takes(unit)) {
        follow(instruction.next, next, at + 1);
      }
    }
    if (isMatch) return true;
    [current, next] = [next, current];
    next.length = 0;
  }
  return false;
}

/** -1 where there is none. */
const unitAt = (text: string, at: number): number =>
  at >= 0 && at < text.length ? text.charCodeAt(at) : -1;
