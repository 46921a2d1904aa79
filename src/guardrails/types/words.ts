// `words`: words and phrases, however they are spelt: case, accents, look-alike letters, signs that nobody sees.
import { foldText } from "../../lib/fold.ts";
import type { Program } from "../../lib/pattern-scan.ts";
import type { Instruction, Position } from "../../lib/pattern-syntax.ts";
import type { Check } from "../guardrail.ts";
import { createMatcher } from "../matcher.ts";

export interface WordsOptions {
  words: readonly string[];
  /** Also within longer words. */
  anywhere: boolean;
}

export function wordsCheck(options: WordsOptions): Check {
  const program = compileWords(options);
  return {
    by: "match",
    matchers: () => [createMatcher({ kind: "word", program, folding: "sight" })],
  };
}

interface Node {
  children: Map<number, Node>;
  /** A word ends here. */
  isEnd: boolean;
}

/** All words as one tree, so that many cost hardly more than few. */
function compileWords({ words, anywhere }: WordsOptions): Program {
  const open: Node = { children: new Map(), isEnd: false };
  const bound: Node = { children: new Map(), isEnd: false };
  for (const word of words) {
    const text = normalizeWord(word);
    if (text === "") continue;
    // In scripts without spaces a word has no edges to be seen.
    const isBound = !anywhere && !unspaced.test(text);
    let node = isBound ? bound : open;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      const next = node.children.get(unit) ?? { children: new Map(), isEnd: false };
      node.children.set(unit, next);
      node = next;
    }
    node.isEnd = true;
  }
  const program: Instruction[] = [];
  // The two trees stand side by side.
  const split: Instruction = { type: "split", next: 1, other: 1 };
  program.push(split);
  addTree(program, open, []);
  split.other = program.length;
  program.push({
    type: "check",
    holds: (position) => beginsWord(position),
    next: program.length + 1,
  });
  addTree(program, bound, [endsWord]);
  return program;
}

/** As the text is read that it is looked for in. */
export const normalizeWord = (word: string): string =>
  foldText(word, "sight").trim().replace(/ +/g, " ");

type Holds = (position: Position) => boolean;

/** The ways on from a node; what leads nowhere is a split to its own place, which is followed once. */
function addTree(
  program: Instruction[],
  { children, isEnd }: Node,
  checks: readonly Holds[],
): void {
  const ways: (() => void)[] = [...children].map(([unit, child]) => () => {
    program.push({ type: "unit", takes: (other) => other === unit, next: program.length + 1 });
    if (unit === space) {
      // Any number of spaces are one.
      const at = program.length;
      program.push({ type: "split", next: at + 1, other: at + 3 });
      program.push({ type: "unit", takes: (other) => other === space, next: at + 2 });
      program.push({ type: "split", next: at, other: at });
    }
    addTree(program, child, checks);
  });
  if (isEnd) {
    ways.push(() => {
      for (const holds of checks) {
        program.push({ type: "check", holds, next: program.length + 1 });
      }
      program.push({ type: "match" });
    });
  }
  if (ways.length === 0) ways.push(() => program.push(deadEnd(program.length)));
  for (const [at, way] of ways.entries()) {
    if (at === ways.length - 1) {
      way();
      continue;
    }
    const split = { type: "split" as const, next: program.length + 1, other: 0 };
    program.push(split);
    way();
    split.other = program.length;
  }
}

const deadEnd = (at: number): Instruction => ({ type: "split", next: at, other: at });

const space = 0x20;
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const letter = /[\p{L}\p{N}_]/u;

const isLetter = (unit: number): boolean => {
  if (unit < 0) return false;
  if (unit < 0x80) return isWordUnit[unit] === 1;
  return letter.test(String.fromCharCode(unit));
};

const isWordUnit = Uint8Array.from({ length: 0x80 }, (_, unit) =>
  Number(letter.test(String.fromCharCode(unit))),
);

/** A word may begin with a sign, which needs no edge. */
const beginsWord = ({ before, after }: Position): boolean => !isLetter(before) || !isLetter(after);
const endsWord = ({ before, after }: Position): boolean => !isLetter(before) || !isLetter(after);
