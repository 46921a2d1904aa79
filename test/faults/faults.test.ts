// Every fault of the catalogue, streamed and not, for clients of three APIs, at upstreams of three, without a fallback and with one; prints a table.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { hang, type ScriptedUpstream, startScripted } from "../support/scripted-upstream.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { faultsOf } from "./catalogue.ts";
import { type Client, clients } from "./clients.ts";
import { type Course, seen as seenIn } from "./course.ts";
import { courses } from "./courses.ts";
import { clockCourses } from "./courses-clock.ts";
import { idempotencyCourses } from "./courses-idempotency.ts";
import { streamCourses } from "./courses-streams.ts";
import type { Fault } from "./fault.ts";
import { type Places, startPlaces } from "./places.ts";
import { references } from "./references.ts";
import { render, type Result, type Row } from "./table.ts";
import { operatorKey, refusalBy, type Wire, wires, words } from "./wires.ts";

/** One client in one mode at upstreams of one wire; the lanes run side by side. */
interface Lane {
  wire: Wire;
  client: Client;
  stream: boolean;
  faulty: ScriptedUpstream;
  /** Strict: what the gateway sends it after a fault is judged, too. */
  sound: Upstream;
  /** One for all faults: each case has its own request ids. */
  store: Store;
}

let lanes: Lane[];
let places: Places;
/** Of each wire, the double that judges what the faulty ones were sent. */
let judges: Map<Wire, Upstream>;
const table: Row[] = [];

beforeAll(async () => {
  places = await startPlaces();
  judges = new Map(
    await Promise.all(wires.map(async (wire) => [wire, await wire.startStrict()] as const)),
  );
  const modes = wires.flatMap((wire) =>
    clients.flatMap((client) => [false, true].map((stream) => ({ wire, client, stream }))),
  );
  lanes = await Promise.all(
    modes.map(async (mode) => ({
      ...mode,
      faulty: await startScripted(),
      sound: await mode.wire.startStrict(),
      store: await openStore({ path: ":memory:" }),
    })),
  );
});
afterAll(async () => {
  await Promise.all([
    places[Symbol.asyncDispose](),
    ...[...judges.values()].map((judge) => judge.stop()),
    ...lanes.map(({ faulty }) => faulty[Symbol.asyncDispose]()),
    ...lanes.map(({ sound }) => sound.stop()),
    ...lanes.map(({ store }) => store.close()),
  ]);
  console.log(render(table));
});

const rests = { first_byte: "150ms", idle: "150ms" };
/** The first words must have been told by then, however busy the machine is. */
const lateRests = { idle: "1s" };

/** One gateway per case: what one fault is held against a deployment must not meet the next. */
async function run(fault: Fault, lane: Lane, backed: boolean): Promise<void> {
  const { wire, client, stream, faulty, sound, store } = lane;
  const { place } = fault;
  const script = fault.script(stream);
  faulty.answer(script);
  sound.reset();
  const isQuiet = script.includes(hang) || place === "tls-silent";
  const gateway = await startInProcess(
    {
      health: { enabled: true },
      retry: { retries: 0 },
      providers: {
        faulty: {
          ...wire.provider(place ? places.origins[place] : faulty.url),
          api_key: operatorKey,
        },
        sound: { ...wire.provider(sound.url), api_key: operatorKey },
      },
      models: {
        main: {
          deployments: [
            { model: "faulty/m-1", timeouts: isQuiet ? (fault.late ? lateRests : rests) : {} },
          ],
          fallbacks: backed ? ["sound/m-2"] : [],
        },
      },
    },
    { store, pacing: { holdMs: 1_000, keepAliveMs: 2_000, openEarlyMs: 8_000 } },
  );
  const [path, init] = client.request("main", stream);
  const answer = await gateway.fetch(path, init);
  const [shown, kept] = [answer.clone() as Response, answer.clone() as Response];
  if (fault.late) await seenIn(shown, "Hello").finally(() => faulty.goOn());
  const seen = await client.read(kept);
  const isSaved = backed && fault.fallback;
  if (isSaved) expect([answer.status, seen]).toMatchObject([200, { text: words }]);
  else expect(answer.status).toBe(fault.status);
  expect(seen.complete).toBe(isSaved);
  expect(seen.error === undefined).toBe(isSaved);
  // R14: what was shown is shown once.
  expect(seen.text).toBe(isSaved ? words : fault.late ? "Hello" : "");
  expect(sound.requests.map(({ refusal }) => refusal)).toEqual(isSaved ? [undefined] : []);
  expect(faulty.requests.length).toBe(place ? 0 : 1);
  const { usage, attempts } = await gateway.recorded(answer);
  expect(usage).toMatchObject({
    status: isSaved ? "ok" : "error",
    errorCode: isSaved ? null : fault.code,
    attempts: isSaved ? 2 : 1,
  });
  expect(attempts.map(({ errorCode }) => errorCode)).toEqual(
    isSaved ? [fault.code, null] : [fault.code],
  );
  const wait = Number(answer.headers.get("retry-after") ?? 0);
  if (!isSaved && fault.status === 429) expect(wait).toBeGreaterThan(0);
  if (!isSaved && fault.retryAfter) expectWithin(wait, fault.retryAfter);
  await expectHeld(gateway, fault);
  await expectAccepted(lane);
}

/** What came of a fault is worth nothing when the request was not one that the vendor takes. */
async function expectAccepted({ wire, faulty }: Lane): Promise<void> {
  const judge = judges.get(wire);
  for (const request of faulty.requests) {
    expect(judge && (await refusalBy(judge, request))).toBeUndefined();
  }
}

const expectWithin = (value: number, [least, most]: readonly [number, number]): void => {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
};

async function expectHeld(gateway: InProcess, { held }: Fault): Promise<void> {
  const answer = await gateway.fetch("/admin/health", {
    headers: { authorization: `Bearer ${adminKey}` },
  });
  const { deployments: rows } = (await answer.json()) as {
    deployments: {
      scope: string;
      id: string;
      state: string;
      failures: number;
      restsForMs: number;
    }[];
  };
  const own = rows.filter(({ id }) => id.startsWith("faulty"));
  const deployment = own.find(({ scope }) => scope === "deployment");
  const key = own.find(({ scope }) => scope === "key");
  expect(rows.filter(({ id, state }) => id.startsWith("sound") && state !== "closed")).toEqual([]);
  expect(key?.state).toBe(held === "the key" ? "open" : "closed");
  if (typeof held === "object") {
    expect(deployment?.state).toBe("open");
    expectWithin((deployment?.restsForMs ?? 0) / 1000, held.restsFor);
    return;
  }
  expect(deployment?.state).toBe("closed");
  // R31: each counts once.
  expect(deployment?.failures).toBe(held === "a failure" ? 1 : 0);
}

/** Fills a line, and fails with the first lane that does not hold. */
async function tabulate(
  { item, name, stated }: Pick<Row, "item" | "name" | "stated">,
  runLane: (lane: Lane) => Promise<void> | "none",
): Promise<void> {
  const results: Result[] = [];
  table.push({ item, name, stated, results });
  const failures: Error[] = [];
  const all = lanes.map(async (lane) => {
    const { wire, client, stream } = lane;
    const running = runLane(lane);
    if (running === "none") return;
    const way = `${client.name}${stream ? ", stream" : ""}, at ${wire.name}`;
    try {
      await running;
      results.push({ wire: wire.name, way, holds: true });
    } catch (cause) {
      results.push({ wire: wire.name, way, holds: false });
      failures.push(new Error(way, { cause }));
    }
  });
  await Promise.all(all);
  if (failures[0]) throw failures[0];
}

const faults = new Map(wires.map((wire) => [wire, faultsOf(wire)]));
/** All wires' faults, one of each name. */
const rows = [...new Map([...faults.values()].flat().map((each) => [each.name, each])).values()];

describe.each([...rows])("$item $name", ({ item, name, ...fault }) => {
  test(`${fault.status} ${fault.code}${fault.fallback ? ", or the fallback's answer" : ""}`, () =>
    tabulate({ item, name, stated: statedOf(fault) }, (lane) => {
      const own = faults.get(lane.wire)?.find((each) => each.name === name);
      if (!own || (own.streamOnly && !lane.stream)) return "none";
      return (async () => {
        for (const backed of [false, true]) await run(own, lane, backed);
      })();
    }));
});

const allCourses: readonly Course[] = [...streamCourses, ...courses, ...idempotencyCourses];

describe.each([...allCourses])("$item $name", (course) => {
  const { wires: only, streamOnly } = course;
  test(course.stated, () =>
    tabulate(course, (lane) =>
      (streamOnly && !lane.stream) || only?.includes(lane.wire.name) === false
        ? "none"
        : course.run(lane),
    ),
  );
});

// In turn: there is but one clock.
describe.each([...clockCourses])("$item $name", (course) => {
  test(course.stated, () => {
    let before: Promise<unknown> = Promise.resolve();
    return tabulate(course, (lane) => {
      const own = before.then(() => course.run(lane));
      before = own.catch(() => {});
      return own;
    });
  });
});

describe.each([...references])("$item $name", ({ item, name, stated, file, test: title }) => {
  test(`${stated}: ${file}`, async () => {
    const text = await Bun.file(join(import.meta.dir, "..", "..", file)).text();
    table.push({ item, name, stated, elsewhere: { file, isThere: text.includes(title) } });
    expect(text).toContain(title);
  });
});

function statedOf({ status, code, fallback, held, late }: Omit<Fault, "item" | "name">): string {
  const own = late ? `the stream ends with ${code}` : `${status} ${code}`;
  const against = typeof held === "object" ? `rests ${held.restsFor.join("-")} s` : held;
  return `${own} | ${fallback ? "the fallback answers" : "the same"} | ${against}`;
}
