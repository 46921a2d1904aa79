// Nothing is lost in silence: every value of a request or an answer is written in the other wire, told in a warning, or declared with a reason.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { models } from "../../scripts/fidelity/bodies.ts";
import { ids } from "../../scripts/fidelity/feature.ts";
import type { DialectId } from "../../src/ir/chat.ts";
import { setClock } from "../../src/lib/clock.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import { capturesAbsent } from "../support/clients/captures.ts";
import {
  clientRequests,
  corpusRequests,
  ownAnswers,
  ownRequests,
  ownStreams,
} from "../support/losses/bodies.ts";
import {
  asideInAnswers,
  asideInRequests,
  asideInStreams,
  type Declared,
  declaredFor,
} from "../support/losses/declared.ts";
import { type Leaf, leavesOf, silentIn, type Translate } from "../support/losses/trace.ts";
import {
  answerThrough,
  askThrough,
  eventsThrough,
  isTraced,
} from "../support/losses/translations.ts";
import { hasCorpus } from "../support/wire/exchange.ts";

setDefaultTimeout(300_000);

/** So many values of each kind are traced: the same field elsewhere takes the same way. */
const samples = 2;

let traced = 0;
const used = new Set<Declared>();

function sampler(): (leaf: Leaf) => boolean {
  const seen = new Map<string, number>();
  return ({ kind }) => {
    const count = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, count);
    return count <= samples;
  };
}

/** Kinds of values that are lost in silence, each with an example. */
async function silent(
  bodies: readonly { body: JsonObject; translate: Translate }[],
  aside: readonly Declared[],
  [from, to]: readonly [DialectId, DialectId?],
): Promise<string[]> {
  const isWanted = sampler();
  const found = new Map<string, string>();
  for (const { body, translate } of bodies) {
    const leaves = leavesOf(body).filter((leaf) => isTraced(leaf) && isWanted(leaf));
    if (leaves.length === 0) continue;
    traced += leaves.length;
    for (const { kind, value } of await silentIn(body, leaves, translate)) {
      const declared = declaredFor(aside, kind, from, to);
      if (declared) used.add(declared);
      else found.set(kind, `${kind} ${JSON.stringify(value).slice(0, 60)}`);
    }
  }
  return [...found.values()];
}

const pairs = ids.flatMap((from) =>
  ids.filter((to) => to !== from).map((to) => [from, to] as const),
);

/** To a model that takes sampling settings and to one that reasons. */
async function requestsLost(
  bodies: readonly JsonObject[],
  [from, to]: readonly [DialectId, DialectId],
): Promise<string[]> {
  const { plain, reasoning } = models[to];
  const found = await Promise.all(
    [...new Set([plain, reasoning])].map((model) => {
      const translate = askThrough(from, to, model);
      return silent(
        bodies.map((body) => ({ body, translate })),
        asideInRequests,
        [from, to],
      );
    }),
  );
  return [...new Set(found.flat())];
}

let restoreClock: () => void;
beforeAll(() => {
  restoreClock = setClock({ now: () => 1_767_225_600_000 });
});
afterAll(() => {
  restoreClock();
  console.log(`${traced} values traced`);
});

describe("requests", () => {
  test.each(pairs)("%s → %s", async (from, to) => {
    expect(await requestsLost(ownRequests(from), [from, to])).toEqual([]);
  });
});

describe("answers", () => {
  const modes = pairs.flatMap(([from, to]) => [
    [from, to, "whole"] as const,
    [from, to, "streamed"] as const,
  ]);
  test.each(modes)("%s → %s, %s", async (from, to, mode) => {
    const translate = answerThrough(from, to, mode === "streamed");
    const bodies = ownAnswers(from).map((body) => ({ body, translate }));
    expect(await silent(bodies, asideInAnswers, [from, to])).toEqual([]);
  });
});

describe("streams", () => {
  test.each(ids)("%s: every value makes a difference to the events", async (from) => {
    const bodies = ownStreams(from).map(({ frames, body }) => ({
      body,
      translate: eventsThrough(from, frames),
    }));
    expect(bodies.length).toBeGreaterThan(0);
    expect(await silent(bodies, asideInStreams, [from])).toEqual([]);
  });
});

describe.skipIf(capturesAbsent)("what real clients send", () => {
  test.each(pairs)("%s → %s", async (from, to) => {
    expect(await requestsLost(await clientRequests(from), [from, to])).toEqual([]);
  });
});

describe.skipIf(!hasCorpus)("the corpus", () => {
  test.each(pairs)("%s → %s", async (from, to) => {
    expect(await requestsLost(corpusRequests(from), [from, to])).toEqual([]);
  });
});

test.skipIf(capturesAbsent || !hasCorpus)("nothing is declared that is not left out", () => {
  const all = [...asideInRequests, ...asideInAnswers, ...asideInStreams];
  expect(all.filter((each) => !used.has(each)).map(({ at }) => String(at))).toEqual([]);
});
