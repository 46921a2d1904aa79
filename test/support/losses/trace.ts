// What becomes of each single value of a body: a value that can be changed and taken away without anything differing is lost in silence.
import type { Warning } from "../../../src/ir/warning.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

type Step = string | number;

/** A value that holds no others, or nothing, and where it stands. */
export interface Leaf {
  steps: readonly Step[];
  value: unknown;
  /** The path without numbers, and the `type` of what it stands in: `messages[].content[]{image}.source.data`. */
  kind: string;
}

/** Every leaf of a body, in order. Null says nothing, nor does an empty list, text or object; a tool may be an empty one. */
export function leavesOf(body: unknown): Leaf[] {
  const found: Leaf[] = [];
  const visit = (value: unknown, steps: readonly Step[], kind: string): void => {
    if (value === null || value === undefined || value === "") return;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, [...steps, index], `${kind}[]`);
    } else if (isObject(value) && Object.keys(value).length > 0) {
      const type = typeof value["type"] === "string" ? `{${value["type"]}}` : "";
      for (const [key, item] of Object.entries(value)) {
        visit(item, [...steps, key], `${kind}${type}${kind === "" ? "" : "."}${key}`);
      }
    } else if (!isObject(value) || steps.includes("tools")) found.push({ steps, value, kind });
  };
  visit(body, [], "");
  return found;
}

const gone = Symbol("gone");

/** What is tried in a leaf's place: another value of its kind, then nothing at all. */
function others(value: unknown): unknown[] {
  if (typeof value === "string") return [`${value}q`, `q${value}`, gone];
  if (typeof value === "number") return [value + 1, value - 1, value * 3, gone];
  if (typeof value === "boolean") return [!value, gone];
  return [gone];
}

function changed(body: JsonObject, steps: readonly Step[], value: unknown): JsonObject {
  const copy = structuredClone(body);
  let holder: unknown = copy;
  for (const step of steps.slice(0, -1)) {
    holder = (holder as Record<Step, unknown>)[step];
  }
  const last = steps.at(-1) ?? "";
  if (value !== gone) (holder as Record<Step, unknown>)[last] = value;
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete (holder as JsonObject)[last];
  return copy;
}

/** What a translation gives: all that was written, and what was told of losses. Null: it was refused. */
export interface Outcome {
  written: string;
  told: readonly Pick<Warning, "field" | "reason">[];
}

export type Translate = (body: JsonObject) => Outcome | null | Promise<Outcome | null>;

const same = (one: Outcome, other: Outcome): boolean =>
  one.written === other.written && textOf(one) === textOf(other);

const textOf = ({ told }: Outcome): string =>
  told.map(({ field, reason }) => `${field}: ${reason}`).join("\n");

/** Lists of pieces of content, and lists of messages that have such. */
const blocks = new Set(["content", "parts", "output"]);
const turns = new Set(["messages", "input", "contents", "system"]);

/** How long the path is of the piece of content, or else the message, that a leaf stands in; 0 where it stands in none. */
function pieceOf(steps: readonly Step[]): number {
  const itemOf = (lists: ReadonlySet<string>): number =>
    steps.findIndex((step, at) => typeof step === "number" && lists.has(String(steps[at - 1])));
  // An item of this list may be a piece of content itself.
  if (steps[0] === "input" || steps[0] === "output") return Math.min(1, steps.length - 2);
  return [itemOf(blocks), itemOf(turns)].find((at) => at >= 0) ?? 0;
}

/** A warning about a piece of content, not about a field of it. */
const isPlace = (field: string): boolean =>
  field.endsWith("]") || field === "messages" || blocks.has(field);

const placeless = (field: string): string => field.replace(/\[\d+\]/g, "[]");

const pathOf = (steps: readonly Step[]): string =>
  steps
    .map((step) => (typeof step === "number" ? "[]" : `.${step}`))
    .join("")
    .slice(1);

/** A wish that several wires have is told by one name, whatever the client's wire calls it. */
const wishes: Readonly<Record<string, readonly string[]>> = {
  cache_control: ["cachePoint", "prompt_cache_breakpoint"],
  citations: ["annotations"],
  logprobs: ["top_logprobs"],
  metadata: ["requestMetadata", "labels"],
  reasoning: ["thinking", "thinkingConfig", "think", "reasoningConfig", "effort"],
  response_format: ["format", "textFormat", "responseJsonSchema", "responseSchema"],
  stop: ["stop_sequences", "stopSequences"],
  stop_sequences: ["stop", "stopSequences"],
  tool_choice: ["toolChoice", "function_call", "toolConfig"],
};

/** True for a warning about a setting by the name that it has for all wires. */
const isWish = (field: string, steps: readonly Step[]): boolean =>
  field === steps[0] || (wishes[field] ?? []).some((name) => steps.includes(name));

const isContent = (steps: readonly Step[]): boolean =>
  steps.some((step) => blocks.has(String(step)) || turns.has(String(step)));

/** A loss that is told of the leaf itself, of what it stands in, or by the name of one of these. */
function names(field: string, steps: readonly Step[]): boolean {
  const told = placeless(field);
  const path = pathOf(steps);
  if (path === told || path.startsWith(`${told}.`) || path.startsWith(`${told}[`)) return true;
  // A piece of content, counted as the messages of all wires are.
  if (isPlace(told)) return true;
  const last = told.split(".").at(-1) ?? "";
  return steps.includes(last) || (wishes[last] ?? []).some((name) => steps.includes(name));
}

/** Leaves whose value makes no difference to what is written, and that no warning speaks of. */
export async function silentIn(
  body: JsonObject,
  leaves: readonly Leaf[],
  translate: Translate,
): Promise<Leaf[]> {
  const usual = await translate(body);
  // Refused as it is: the refusal tells.
  if (usual === null) return [];
  const silent: Leaf[] = [];
  for (const leaf of leaves) {
    if ((await makesNone(leaf)) && !(await isTold(leaf))) silent.push(leaf);
  }
  return silent;

  async function makesNone({ steps, value }: Leaf): Promise<boolean> {
    let tried = 0;
    for (const other of others(value)) {
      const got = await translate(changed(body, steps, other));
      if (got === null) continue;
      if (!same(got, usual as Outcome)) return false;
      tried += 1;
    }
    // A value that nothing else can stand for was read.
    return tried > 0;
  }

  /** True where a warning goes when something that the leaf stands in goes. */
  async function isTold({ steps }: Leaf): Promise<boolean> {
    const { told } = usual as Outcome;
    const speaking = told.filter(({ field }) => names(field, steps));
    if (speaking.length === 0) return false;
    // A setting of the whole request has one name, and no other stands for it.
    if (!isContent(steps) && speaking.some(({ field }) => isWish(field, steps))) return true;
    const least = pieceOf(steps);
    for (let length = steps.length - 1; length > 0; length -= 1) {
      const got = await translate(changed(body, steps.slice(0, length), gone));
      if (got === null) continue;
      const left = new Set(got.told.map(({ field, reason }) => `${field}: ${reason}`));
      // A message that goes takes with it what is told of its other pieces.
      const asked = length > least ? speaking : speaking.filter(({ field }) => !isPlace(field));
      if (asked.some(({ field, reason }) => !left.has(`${field}: ${reason}`))) return true;
    }
    return false;
  }
}
