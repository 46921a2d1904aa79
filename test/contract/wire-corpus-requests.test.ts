// Every recorded request written in the other dialect: what it says arrives, and each loss has its warning.
import { describe, expect, test } from "bun:test";
import { dialects } from "../../src/dialects/index.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { Warning } from "../../src/ir/warning.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { type Asked, asked, type AskedWire } from "../support/wire/asked.ts";
import { type Exchange, exchangesOf } from "../support/wire/exchange.ts";
import { createTally, type Verdict } from "../support/wire/tally.ts";

/** Models whose requests differ: one that nothing is known of, and each vendor's own. */
const targets = {
  "openai-chat": {
    to: "anthropic-messages",
    models: ["any", "claude-sonnet-4-5", "claude-opus-5"],
  },
  "anthropic-messages": { to: "openai-chat", models: ["any", "gpt-5"] },
} as const;

describe("a recorded request in the other dialect", () => {
  for (const dialect of ["openai-chat", "anthropic-messages"] as const) {
    // The dialects' own cases have tests of their own; Writer's requests are not OpenAI's.
    const exchanges = exchangesOf(dialect).filter(
      ({ file, request }) => request !== null && !/cases.jsonl$|^writer/.test(file),
    );
    for (const model of targets[dialect].models) {
      test(`${dialect} for \`${model}\`: nothing is lost unseen (${exchanges.length} requests)`, () => {
        const tally = createTally(`${dialect} requests translated for \`${model}\``);
        for (const exchange of exchanges) tally.add(exchange, check(exchange, dialect, model));
        tally.print();
        expect(tally.faults).toEqual([]);
      });
    }
  }
});

function check({ request }: Exchange, dialect: AskedWire, model: string): Verdict {
  const json = request?.body ?? {};
  const text = JSON.stringify(json);
  const { to } = targets[dialect];
  try {
    const { value, warnings } = dialects[dialect].request.decode({ json, text });
    const encoded = dialects[to].request.encode(value, {
      provider: "recorded",
      model,
      quirks: {},
      facts: {},
    });
    const all = [...warnings, ...encoded.warnings];
    const before = asked(dialect, text);
    const after = asked(to, encoded.body);
    const problems = [
      ...(hasTools(before, after, encoded.body) ? [] : ["tools differ"]),
      ...missing("call", before.calls, after.calls),
      ...missing("result", before.results, after.results),
      ...lostFrom(json, JSON.parse(encoded.body), all).map((leaf) => `${leaf} is lost unseen`),
    ];
    return problems.length === 0 ? {} : { fault: problems.join("; ") };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.code !== "unsupported_feature") return { fault: error.message };
    return { exception: `refused: ${error.message}` };
  }
}

/** Where a conversation has calls and no tools, the other wire wants to be told of them; they cannot be called. */
const hasTools = (before: Asked, after: Asked, body: string): boolean =>
  before.tools.length === 0
    ? after.tools.length === 0 || body.includes('"tool_choice":{"type":"none"}')
    : isWithin(before.tools, after.tools);

/** Everything is there; a strict tool's schema may have been closed. */
function isWithin(before: unknown, after: unknown): boolean {
  if (Array.isArray(before)) {
    if (!Array.isArray(after) || after.length !== before.length) return false;
    return before.every((item, at) => isWithin(item, after[at]));
  }
  if (!isObject(before) || !isObject(after)) return Bun.deepEquals(before, after);
  const added = Object.keys(after).filter((key) => !(key in before));
  return (
    Object.keys(before).every((key) => isWithin(before[key], after[key])) &&
    added.every((key) => key === "additionalProperties" && after[key] === false)
  );
}

/** OpenAI takes call ids of 40 characters at most; a longer one becomes a short one. */
const isLong = (id: unknown): boolean => typeof id === "string" && id.length > 40;
const shortId = /^call_[\w-]{35}$/;

/** Calls and results keep their order, ids, names and exact text; a marked error or attachment may stand around it. */
function missing(kind: string, before: readonly object[], after: readonly object[]): string[] {
  if (before.length !== after.length) return [`${before.length} ${kind}s became ${after.length}`];
  return before.flatMap((item, at) => {
    const became: Record<string, unknown> = { ...after[at] };
    return Object.entries(item)
      .filter(([key, value]) => {
        if (key === "text") return !String(became[key]).includes(String(value));
        const isShortened = key === "id" && isLong(value) && shortId.test(String(became[key]));
        return became[key] !== value && !isShortened;
      })
      .map(
        ([key, value]) =>
          `${kind}.${key} ${JSON.stringify(value)} became ${JSON.stringify(became[key])}`,
      );
  });
}

/** A value in a document and where it stands, e.g. `messages[0].content`. */
interface Leaf {
  path: string;
  value: unknown;
}

function leavesOf(value: unknown, path = ""): Leaf[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, at) => leavesOf(item, `${path}[${at}]`));
  }
  if (!isObject(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([key, item]) =>
    leavesOf(item, path === "" ? key : `${path}.${key}`),
  );
}

/** Leaves of `before` that neither arrive in `after` nor are named by a warning. */
function lostFrom(before: JsonObject, after: JsonObject, warnings: readonly Warning[]): string[] {
  const text = leavesOf(after)
    .map(({ value }) => String(value))
    .join("\n");
  const lost = leavesOf(before).filter(({ path, value }) => {
    if (value === null || value === "") return false;
    const rule = rules.find((candidate) => candidate.path.test(path));
    return !(rule ? rule.holds(value, after, text) : holdsText(value, text));
  });
  /** Per warned field the places where it is missing. */
  const places = new Map<string, Set<string>>();
  const unseen = lost.filter(({ path }) => {
    const [field, ...further] = warnings
      .map((warning) => warning.field)
      .filter((warned) => placeOf(path, warned) !== undefined)
      .toSorted((left, right) => right.length - left.length);
    if (field === undefined) return true;
    const key = bare(further.find((other) => bare(other) === bare(path)) ?? field);
    places.set(key, (places.get(key) ?? new Set()).add(placeOf(path, field) ?? ""));
    return false;
  });
  const uncounted = [...places].flatMap(([field, missed]) => {
    const told = warnings.filter((warning) => bare(warning.field) === field);
    const sum = told.reduce((count, { reason }) => count + placesTold(reason), 0);
    return missed.size > sum ? [`${field} in ${missed.size} places, ${sum} told`] : [];
  });
  return [
    ...unseen.map(({ path, value }) => `${path} = ${JSON.stringify(value).slice(0, 80)}`),
    ...uncounted,
  ];
}

/** The same loss in many places is told once, with their number. */
const placesTold = (reason: string): number => Number(/\((\d+) places\)$/.exec(reason)?.[1] ?? 1);

/**
 * The part of `path` that a warning's field stands for. Message and block numbers may differ: some wires
 * count the system text and tool results as messages, and have reasoning beside the content.
 */
function placeOf(path: string, field: string): string | undefined {
  const wire = path.replace(".function.", ".");
  const pattern = bare(field)
    .replaceAll(/[.[\]]/g, "\\$&")
    .replaceAll("\\[\\]", "\\[\\d+\\]");
  const [place] = new RegExp(`^${pattern}(?=$|[.[])`).exec(wire) ?? [];
  // The system text is told like a message.
  if (place === undefined && /^system\[\d+\]/.test(wire)) {
    return placeOf(wire.replace("system", "system.content"), field);
  }
  if (place !== undefined || bare(field) !== "messages[].content[]") return place;
  return /^messages\[\d+\](?=\.reasoning)/.exec(wire)?.[0];
}

const bare = (path: string): string => path.replaceAll(/\[\d+\]/g, "[]");

function holdsText(value: unknown, text: string): boolean {
  if (typeof value !== "string") return false;
  return text.includes(/^data:[^,]*,/.test(value) ? value.slice(value.indexOf(",") + 1) : value);
}

interface Rule {
  path: RegExp;
  holds(value: unknown, after: JsonObject, text: string): boolean;
}

const inside = (value: unknown, ...keys: string[]): unknown =>
  keys.reduce((outer, key) => (isObject(outer) ? outer[key] : undefined), value);

const always = (): boolean => true;
const neutral =
  (...values: unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);
const kept =
  (...keys: string[]) =>
  (value: unknown, after: JsonObject): boolean =>
    keys.some((key) => Bun.deepEquals(inside(after, ...key.split(".")), value));

const thinks = (_value: unknown, after: JsonObject): boolean =>
  inside(after, "thinking", "type") !== undefined ||
  inside(after, "output_config", "effort") !== undefined ||
  after["reasoning_effort"] !== undefined;

/** What arrives in other words, the first rule that fits a path; everything else must arrive as it is. */
const rules: readonly Rule[] = [
  // The target's own.
  { path: /^model$/, holds: always },
  // Compared as tools, calls and results above.
  {
    path: /^(?:tools|functions)\[\d+\](?:\.function)?\.(?:parameters|input_schema)\b/,
    holds: always,
  },
  { path: /\.tool_calls\[\d+\]\.function\.arguments$/, holds: always },
  // Their place says it.
  { path: /\.tool_calls\[\d+\]\.index$/, holds: always },
  { path: /^messages\[\d+\]\.content\[\d+\]\.input\b/, holds: always },
  // What a kind of block says is looked for itself.
  {
    path: /^(?:messages|system|tools)\[.*\.(?:type|role)$/,
    holds: (value, _after, text) => value !== "ephemeral" || text.includes("ephemeral"),
  },
  {
    path: /\.media_type$/,
    holds: (value, _after, text) => value === "text/plain" || text.includes(String(value)),
  },
  { path: /\.is_error$/, holds: neutral(false) },
  { path: /^stream$/, holds: (value, after) => (after["stream"] ?? false) === value },
  { path: /^stream_options\.include_usage$/, holds: always },
  { path: /^max_(?:completion_)?tokens$/, holds: kept("max_tokens", "max_completion_tokens") },
  {
    path: /^(?:temperature|top_p)$/,
    holds: (value, after) => kept("temperature", "top_p")(value, after),
  },
  { path: /^n$/, holds: neutral(1) },
  // Compared with the calls and results.
  {
    path: /^messages\[\d+\]\.content\[\d+\]\.(?:id|tool_use_id)$/,
    holds: (value, _after, text) => isLong(value) || holdsText(value, text),
  },
  { path: /^(?:frequency|presence)_penalty$/, holds: neutral(0) },
  {
    path: /^(?:reasoning_effort|reasoning\.(?:effort|enabled)|output_config\.effort)$/,
    holds: (value, after) => value === "none" || thinks(value, after),
  },
  // `adaptive` without an effort is what a model does that is told nothing.
  {
    path: /^thinking\.type$/,
    holds: (value, after) => value === "adaptive" || thinks(value, after),
  },
  { path: /^thinking\.budget_tokens$/, holds: thinks },
  {
    path: /^tool_choice(?:\.type)?$/,
    holds: (value, after) => choiceOf(value) === choiceOf(after["tool_choice"]),
  },
  // Calls in parallel are allowed unless the client says otherwise.
  {
    path: /^parallel_tool_calls$/,
    holds: (value, after) =>
      value === true || kept("tool_choice.disable_parallel_tool_use")(!value, after),
  },
  {
    path: /disable_parallel_tool_use$/,
    holds: (value, after) => value === false || kept("parallel_tool_calls")(!value, after),
  },
  // A label that only one wire wants; a schema is always enforced on the other.
  { path: /^response_format\.(?:type|json_schema\.(?:name|strict))$/, holds: always },
  { path: /\.strict$/, holds: (value, _after, text) => value === false || text.includes("true") },
  {
    path: /^(?:response_format|output_config|output_format)\b.*\bschema\b/,
    holds: (value, _after, text) =>
      typeof value === "boolean" ? text.includes(String(value)) : holdsText(value, text),
  },
];

/** A wish for tool calls in one word. */
function choiceOf(choice: unknown): string {
  const word: unknown = isObject(choice) ? choice["type"] : choice;
  if (word === "any" || word === "required") return "required";
  if (word === "function" || word === "tool") return "tool";
  return typeof word === "string" ? word : "auto";
}
