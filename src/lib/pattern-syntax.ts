// The syntax of patterns, compiled to a small program (Thompson's construction).
import { createUnits, type Units } from "./pattern-units.ts";

/** What stands before and after a place in the text: UTF-16 code units, -1 at its ends. */
export interface Position {
  before: number;
  after: number;
}

export type Instruction =
  | { type: "unit"; takes(unit: number): boolean; next: number }
  | { type: "split"; next: number; other: number }
  | { type: "check"; holds(position: Position): boolean; next: number }
  | { type: "match" };

/** What is wrong with a pattern, in plain words. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

type Node =
  | { type: "units"; units: Units }
  | { type: "check"; holds(position: Position): boolean }
  | { type: "all"; nodes: Node[] }
  | { type: "any"; nodes: Node[] }
  | { type: "repeat"; node: Node; min: number; max: number };

const maxLength = 1_000;
/** Bounds the work for each character of a text. */
const maxInstructions = 500;
const maxRepeat = 200;

/** @throws PatternError */
export function parsePattern(source: string): Instruction[] {
  if (source.length > maxLength) {
    throw new PatternError(`the pattern is longer than ${maxLength} characters`);
  }
  const anyCase = source.startsWith("(?i)");
  const reader = createReader(source, anyCase ? 4 : 0);
  const node = parseAny(reader, anyCase);
  if (!reader.isOver()) throw reader.wrong("a `)` without its `(`");
  const program: Instruction[] = [];
  compile(node, program);
  program.push({ type: "match" });
  return program;
}

interface Reader {
  peek(): string;
  take(): string;
  /** Takes the text if it stands here. */
  skip(text: string): boolean;
  /** Takes what the sticky expression matches here. */
  read(expression: RegExp): RegExpExecArray | null;
  isOver(): boolean;
  wrong(what: string): PatternError;
}

function createReader(source: string, start: number): Reader {
  let at = start;
  return {
    peek: () => source[at] ?? "",
    take() {
      at += 1;
      return source[at - 1] ?? "";
    },
    skip(text) {
      if (!source.startsWith(text, at)) return false;
      at += text.length;
      return true;
    },
    read(expression) {
      expression.lastIndex = at;
      const found = expression.exec(source);
      if (found) at += found[0].length;
      return found;
    },
    isOver: () => at >= source.length,
    wrong: (what) => new PatternError(`${what}, at character ${Math.min(at, source.length) + 1}`),
  };
}

function parseAny(reader: Reader, anyCase: boolean): Node {
  const nodes = [parseAll(reader, anyCase)];
  while (reader.skip("|")) nodes.push(parseAll(reader, anyCase));
  return nodes.length === 1 && nodes[0] ? nodes[0] : { type: "any", nodes };
}

function parseAll(reader: Reader, anyCase: boolean): Node {
  const nodes: Node[] = [];
  while (!reader.isOver() && reader.peek() !== "|" && reader.peek() !== ")") {
    nodes.push(parseRepeat(parseOne(reader, anyCase), reader));
  }
  return { type: "all", nodes };
}

function parseRepeat(node: Node, reader: Reader): Node {
  const counted = reader.read(/\{(\d{1,4})(?:(,)(\d{1,4})?)?\}/y);
  const [min, max] = counted
    ? rangeOf(counted, reader)
    : reader.skip("*")
      ? [0, Infinity]
      : reader.skip("+")
        ? [1, Infinity]
        : reader.skip("?")
          ? [0, 1]
          : [1, 1];
  if (min === 1 && max === 1) return node;
  if (node.type === "check") throw reader.wrong("a place in the text cannot be repeated");
  // Lazy or greedy: it matches the same texts.
  reader.skip("?");
  if (/[*+?]/.test(reader.peek())) throw reader.wrong("two repetitions in a row");
  return { type: "repeat", node, min, max };
}

function rangeOf([, from = "", comma, to]: RegExpExecArray, reader: Reader): [number, number] {
  const min = Number(from);
  const max = comma === undefined ? min : to === undefined ? Infinity : Number(to);
  if (min > maxRepeat || (max !== Infinity && max > maxRepeat)) {
    throw reader.wrong(`more than ${maxRepeat} repetitions`);
  }
  if (max < min) throw reader.wrong("a range that ends before it begins");
  return [min, max];
}

function parseOne(reader: Reader, anyCase: boolean): Node {
  const sign = reader.take();
  switch (sign) {
    case "(":
      return parseGroup(reader, anyCase);
    case "[":
      return { type: "units", units: parseClass(reader, anyCase) };
    case ".":
      return { type: "units", units: createUnits([[0x0a], [0x0d], [0x2028], [0x2029]], true) };
    case "^":
      return { type: "check", holds: ({ before }) => before < 0 };
    case "$":
      return { type: "check", holds: ({ after }) => after < 0 };
    case "\\":
      return parseEscape(reader, anyCase);
    case "*":
    case "+":
    case "?":
      throw reader.wrong(`a \`${sign}\` with nothing to repeat`);
    default:
      return { type: "units", units: createUnits([[sign.charCodeAt(0)]], false, anyCase) };
  }
}

function parseGroup(reader: Reader, anyCase: boolean): Node {
  if (reader.read(/\?<?[=!]/y)) {
    throw reader.wrong("lookahead and lookbehind cannot be matched in linear time");
  }
  if (!reader.skip("?:") && !reader.read(/\?P?<\w+>/y) && reader.peek() === "?") {
    throw reader.wrong("a kind of group that is not known here; `(?i)` stands at the beginning");
  }
  const node = parseAny(reader, anyCase);
  if (!reader.skip(")")) throw reader.wrong("a `(` without its `)`");
  return node;
}

type Range = [from: number, to?: number];

const digits: Range[] = [[0x30, 0x39]];
const wordRanges: Range[] = [...digits, [0x41, 0x5a], [0x5f], [0x61, 0x7a]];
const spaces: Range[] = [
  [0x09, 0x0d],
  [0x20],
  [0xa0],
  [0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f],
  [0x205f],
  [0x3000],
  [0xfeff],
];
const word = createUnits(wordRanges, false);
const isWord = (unit: number): boolean => unit >= 0 && word(unit);
const isEdge = ({ before, after }: Position): boolean => isWord(before) !== isWord(after);

const classes: Readonly<Record<string, Range[]>> = { d: digits, w: wordRanges, s: spaces };
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, "0": 0 };

function parseEscape(reader: Reader, anyCase: boolean): Node {
  if (reader.skip("b")) return { type: "check", holds: isEdge };
  if (reader.skip("B")) return { type: "check", holds: (position) => !isEdge(position) };
  const shorthand = reader.read(/[dwsDWS]/y)?.[0];
  if (shorthand) return { type: "units", units: shorthandUnits(shorthand) };
  return { type: "units", units: createUnits([[escapedUnit(reader)]], false, anyCase) };
}

const shorthandUnits = (letter: string): Units =>
  createUnits(classes[letter.toLowerCase()] ?? [], letter !== letter.toLowerCase());

function escapedUnit(reader: Reader): number {
  const hex = reader.read(/x([0-9a-f]{2})|u([0-9a-f]{4})/iy);
  if (hex) return Number.parseInt(hex[1] ?? hex[2] ?? "", 16);
  const sign = reader.take();
  if (sign === "") throw reader.wrong("a `\\` at the end");
  if (/[1-9k]/.test(sign)) throw reader.wrong("backreferences cannot be matched in linear time");
  if (Object.hasOwn(controls, sign)) return controls[sign] ?? 0;
  if (/[a-z]/i.test(sign)) throw reader.wrong(`\`\\${sign}\`, which is not known here`);
  return sign.charCodeAt(0);
}

function parseClass(reader: Reader, anyCase: boolean): Units {
  const isNegated = reader.skip("^");
  const ranges: Range[] = [];
  const others: Units[] = [];
  const one = (): number => (reader.skip("\\") ? escapedUnit(reader) : reader.take().charCodeAt(0));
  while (!reader.skip("]")) {
    if (reader.isOver()) throw reader.wrong("a `[` without its `]`");
    const shorthand = reader.read(/\\([dwsDWS])/y)?.[1];
    if (shorthand) {
      others.push(shorthandUnits(shorthand));
      continue;
    }
    const from = one();
    const isRange = reader.read(/-(?!\])/y) !== null;
    if (isRange && reader.read(/\\[dwsDWS]/y)) throw reader.wrong("a range that ends in a class");
    const to = isRange ? one() : from;
    if (!(to >= from)) throw reader.wrong("a range that ends before it begins");
    ranges.push([from, to]);
  }
  const own = createUnits(ranges, false, anyCase);
  const takes = (unit: number): boolean => own(unit) || others.some((each) => each(unit));
  return isNegated ? (unit) => !takes(unit) : takes;
}

function compile(node: Node, program: Instruction[]): void {
  switch (node.type) {
    case "units":
      add(program, { type: "unit", takes: node.units, next: program.length + 1 });
      return;
    case "check":
      add(program, { type: "check", holds: node.holds, next: program.length + 1 });
      return;
    case "all":
      for (const each of node.nodes) compile(each, program);
      return;
    case "any":
      compileAny(node.nodes, program);
      return;
    case "repeat":
      compileRepeat(node, program);
      return;
    default:
      node satisfies never;
  }
}

function add<I extends Instruction>(program: Instruction[], instruction: I): I {
  if (program.length >= maxInstructions) {
    throw new PatternError("the pattern is too large; use fewer or smaller repetitions");
  }
  program.push(instruction);
  return instruction;
}

type Split = Extract<Instruction, { type: "split" }>;

/** Tries what follows it first; `other` is set later. */
const addSplit = (program: Instruction[]): Split =>
  add(program, { type: "split", next: program.length + 1, other: program.length + 1 });

function compileAny(nodes: readonly Node[], program: Instruction[]): void {
  const ends: Split[] = [];
  for (const [at, node] of nodes.entries()) {
    const split = at < nodes.length - 1 ? addSplit(program) : undefined;
    compile(node, program);
    if (!split) continue;
    ends.push(addSplit(program));
    split.other = program.length;
  }
  for (const end of ends) end.next = end.other = program.length;
}

function compileRepeat(
  { node, min, max }: Extract<Node, { type: "repeat" }>,
  program: Instruction[],
): void {
  for (let count = 0; count < min; count += 1) compile(node, program);
  if (max === Infinity) {
    const start = program.length;
    const split = addSplit(program);
    compile(node, program);
    const back = addSplit(program);
    back.next = back.other = start;
    split.other = program.length;
    return;
  }
  const splits: Split[] = [];
  for (let count = min; count < max; count += 1) {
    splits.push(addSplit(program));
    compile(node, program);
  }
  for (const split of splits) split.other = program.length;
}
