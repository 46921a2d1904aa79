// Valid bodies of every wire, and what hostile clients and broken servers make of them.
import fc from "fast-check";
import { answerFeatures } from "../../../scripts/fidelity/answer-features.ts";
import { askFeatures } from "../../../scripts/fidelity/ask-features.ts";
import { models } from "../../../scripts/fidelity/bodies.ts";
import { ids } from "../../../scripts/fidelity/feature.ts";
import { settingFeatures } from "../../../scripts/fidelity/setting-features.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { isObject, type JsonObject, parseObject } from "../../../src/lib/json.ts";

export { ids };

/** Runs of each property; `RUNS=20` makes it twenty times as many. */
export const runs = (count: number): { numRuns: number } => ({
  numRuns: Math.max(1, Math.round(count * Number(process.env["RUNS"] ?? 1))),
});

const bodiesOf = (
  features: readonly { forms: Partial<Record<DialectId, { body: JsonObject }>> }[],
  id: DialectId,
): JsonObject[] =>
  features.flatMap(({ forms }) => {
    const form = forms[id];
    return form ? [form.body] : [];
  });

/** One native request for each feature that the wire has. */
export const requestBodies = (id: DialectId): JsonObject[] =>
  bodiesOf([...askFeatures, ...settingFeatures], id).map((body) => ({
    model: models[id].plain,
    ...body,
  }));

export const answerBodies = (id: DialectId): JsonObject[] => bodiesOf(answerFeatures, id);

const text = fc.oneof(
  // Vendors refuse texts that are all white space.
  fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).map((word) => `${word}.`),
  fc.constantFrom(
    "x",
    "\u2028</script>",
    'quote " \\ back',
    "\ud83d\ude00",
    "a\r\n\r\ndata: b",
    ".",
  ),
);

/** Words of the corpus that stand for anything that people say. */
const said = new Set(["Hi", "Hello", "Sunny", "Be brief", "Look", "Once", "Hm", "I look.", "And?"]);

function reword(value: unknown, words: readonly string[]): unknown {
  let at = 0;
  const visit = (item: unknown): unknown => {
    if (typeof item === "string" && said.has(item)) {
      at += 1;
      return words[at % words.length] ?? item;
    }
    if (Array.isArray(item)) return item.map(visit);
    if (!isObject(item)) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, visit(inner)]));
  };
  return visit(value);
}

/** Members that hold a conversation: several requests' are put one behind the other. */
const lists = new Set(["messages", "input", "contents"]);

/** Members that hold settings: several requests' are put together. */
const settings = new Set(["generationConfig", "options", "inferenceConfig", "text"]);

function merge(bodies: readonly JsonObject[]): JsonObject {
  const merged: JsonObject = {};
  for (const body of bodies) {
    for (const [key, value] of Object.entries(body)) {
      const known = merged[key];
      if (lists.has(key) && Array.isArray(known) && Array.isArray(value)) {
        merged[key] = [...(known as unknown[]), ...(value as unknown[])];
      } else if (settings.has(key) && isObject(known) && isObject(value)) {
        merged[key] = { ...known, ...value };
      } else merged[key] = value;
    }
  }
  return merged;
}

/** Requests with several features at once, and other words. */
export const validRequest = (id: DialectId): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(
      fc.array(fc.constantFrom(...requestBodies(id)), { minLength: 1, maxLength: 3 }),
      fc.array(text, { minLength: 1, maxLength: 5 }),
    )
    .map(([bodies, words]) => reword(merge(bodies), words) as JsonObject);

export const validAnswer = (id: DialectId): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(fc.constantFrom(...answerBodies(id)), fc.array(text, { minLength: 1, maxLength: 5 }))
    .map(([body, words]) => reword(body, words) as JsonObject);

const nested = (depth: number, open: string, close: string): unknown =>
  JSON.parse(`${open.repeat(depth)}1${close.repeat(depth)}`) as unknown;

const deepList = nested(200, "[", "]");
const deepObject = nested(200, '{"a":', "}");

/** Keys that must be keys like any other. */
const nastyKeys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "length",
  "",
];

const nastyObject = fc
  .tuple(
    fc.constantFrom(...nastyKeys),
    fc.constantFrom<unknown>(1, "x", null, { polluted: true }, [{ polluted: true }]),
  )
  .map(
    ([key, value]) => JSON.parse(`{${JSON.stringify(key)}:${JSON.stringify(value)}}`) as unknown,
  );

const oddNumbers = [-1, 1.5, 1e308, -0, 2 ** 53, Number.MIN_VALUE, Number.POSITIVE_INFINITY];
const oddTexts = [
  "\ud800",
  "\udfff\ud800",
  "data:,",
  "data:image/png;base64,",
  "https://",
  "\0",
  "a".repeat(300),
  "{",
  "[1",
  '{"a":1}',
];

/** Values that nobody expects where they stand. */
export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom<unknown>(null, true, false, "", [], {}, [null], [[]], 0),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(...oddNumbers, ...oddTexts, deepList, deepObject),
  },
  { weight: 3, arbitrary: nastyObject },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
);

/** Replaces, removes, renames or doubles what stands at a place that `seed` chooses. */
function mutate(value: unknown, seed: number, foreign: unknown): unknown {
  const places: { holder: Record<string, unknown> | unknown[]; key: string | number }[] = [];
  const copy = structuredClone(value);
  const visit = (item: unknown): void => {
    if (Array.isArray(item)) {
      for (const [index, inner] of item.entries()) {
        places.push({ holder: item, key: index });
        visit(inner);
      }
    } else if (isObject(item)) {
      for (const [key, inner] of Object.entries(item)) {
        places.push({ holder: item, key });
        visit(inner);
      }
    }
  };
  visit(copy);
  const place = places[seed % Math.max(1, places.length)];
  if (!place) return foreign;
  const { holder, key } = place;
  const set = (name: string | number, inner: unknown): void => {
    Object.defineProperty(holder, name, {
      value: inner,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  };
  switch (Math.floor(seed / places.length) % 4) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(foreign);
      else set(nastyKeys[seed % nastyKeys.length] ?? "x", foreign);
      break;
    default:
      set(key, foreign);
  }
  return copy;
}

/** A valid body with up to three things wrong. */
export const mutated = (valid: fc.Arbitrary<JsonObject>): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(), nasty), { minLength: 1, maxLength: 3 }))
    .map(([body, changes]) =>
      changes.reduce<unknown>((result, [seed, value]) => mutate(result, seed, value), body),
    )
    .map((body) => (isObject(body) ? body : { body }));

const usualKeys =
  "model messages input contents tools choices output candidates content message usage error system type delta parts stream texts documents query embeddings data results prompt options".split(
    " ",
  );

/** Any object at all. */
export const anyObject: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    fc.constantFrom(...usualKeys, ...nastyKeys.filter((key) => key !== "__proto__")),
    nasty,
  )
  .map((object) => ({ ...object }));

/** A body as the gateway reads it. @throws JsonError where it nests too deep to be let in */
export const bodyOf = (json: JsonObject): { json: JsonObject; text: string } => {
  const written = JSON.stringify(json);
  return { json: parseObject(written), text: written };
};

const names = Object.getOwnPropertyNames;
const untouched = [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
  names(prototype).join(),
);

/** True while nobody has written to a prototype. */
export const prototypesAreClean = (): boolean =>
  [Object.prototype, Array.prototype, Function.prototype].every(
    (prototype, at) => names(prototype).join() === untouched[at],
  ) && !("polluted" in {});
