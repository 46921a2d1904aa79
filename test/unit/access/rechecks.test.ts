// Keys of running requests, looked at again. (S24)
import { expect, test } from "bun:test";
import type { Caller } from "../../../src/access/directory.ts";
import { createRechecks } from "../../../src/access/rechecks.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { defaultPacing } from "../../../src/pipeline/services.ts";

const caller = (id: string): Caller => ({ key: { id } }) as unknown as Caller;
const gone = new GatewayError("unauthenticated", "The API key is not known here.");
const blind = new GatewayError("unavailable", "API keys cannot be checked right now.");

/** Answers what the test says, and tells when everybody was asked so many times. */
function directory(answers: Map<Caller, GatewayError | null>) {
  const asked = new Map<Caller, number>();
  return {
    asked,
    async recheck(who: Caller): Promise<GatewayError | null> {
      asked.set(who, (asked.get(who) ?? 0) + 1);
      await Bun.sleep(0);
      return answers.get(who) ?? null;
    },
    async askedTimes(who: Caller, times: number): Promise<void> {
      while ((asked.get(who) ?? 0) < times) await Bun.sleep(1);
    },
  };
}

test("S24: every request of a key is told once, and nobody else's", async () => {
  const [mine, other] = [caller("mine"), caller("other")];
  const answers = new Map<Caller, GatewayError | null>();
  const callers = directory(answers);
  const rechecks = createRechecks({ callers, everyMs: 1 });
  const told: string[] = [];
  const watches = [
    rechecks.watch(mine, (error) => void told.push(`first ${error.code}`)),
    rechecks.watch(mine, (error) => void told.push(`second ${error.code}`)),
    rechecks.watch(other, () => void told.push("other")),
  ];
  await callers.askedTimes(mine, 2);
  expect(told).toEqual([]);
  answers.set(mine, gone);
  while (told.length < 2) await Bun.sleep(1);
  const soFar = callers.asked.get(other) ?? 0;
  await callers.askedTimes(other, soFar + 3);
  expect(told).toEqual(["first unauthenticated", "second unauthenticated"]);
  for (const unwatch of watches) unwatch();
});

test("S24: a database that does not answer takes nobody's key away", async () => {
  const mine = caller("mine");
  const answers = new Map<Caller, GatewayError | null>([[mine, blind]]);
  const callers = directory(answers);
  const told: GatewayError[] = [];
  const rechecks = createRechecks({ callers, everyMs: 1 });
  const unwatch = rechecks.watch(mine, (error) => void told.push(error));
  await callers.askedTimes(mine, 4);
  expect(told).toEqual([]);
  answers.set(mine, gone);
  while (told.length === 0) await Bun.sleep(1);
  expect(told).toEqual([gone]);
  unwatch();
});

test("S24: who is watched no more is not asked about, and is not told", async () => {
  const [mine, other] = [caller("mine"), caller("other")];
  const callers = directory(new Map([[mine, gone]]));
  const rechecks = createRechecks({ callers, everyMs: 1 });
  rechecks.watch(mine, () => {
    throw new Error("told all the same");
  })();
  const unwatch = rechecks.watch(other, () => {});
  await callers.askedTimes(other, 3);
  expect(callers.asked.get(mine)).toBeUndefined();
  unwatch();
  unwatch();
});

test("S24: what another gateway changed ends a stream within 5 s", () => {
  // A directory is up to a second behind other gateways.
  expect(defaultPacing.recheckMs + 1_000).toBeLessThan(5_000);
});
