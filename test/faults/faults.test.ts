// Every fault of the catalogue, streamed and not, for clients of three APIs, without a fallback and with one; prints a table.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { hang, type ScriptedUpstream, startScripted } from "../support/scripted-upstream.ts";
import { openAiAnswers, streamOf } from "../support/wire-answers.ts";
import { type Fault, faults } from "./catalogue.ts";
import { type Client, clients } from "./clients.ts";
import { courses } from "./courses.ts";

let faulty: ScriptedUpstream;
let sound: ScriptedUpstream;

/** One line of the table: a cell for each client, plain and streamed. */
interface Row {
  item: string;
  name: string;
  stated: string;
  cells: ("ok" | "FAIL" | "-")[];
}
const table: Row[] = [];

beforeAll(async () => {
  [faulty, sound] = await Promise.all([startScripted(), startScripted()]);
});
afterAll(async () => {
  await Promise.all([faulty, sound].map((upstream) => upstream[Symbol.asyncDispose]()));
  console.log(render(table));
});

const rests = { first_byte: "150ms", idle: "150ms" };
const words = "Hello there";

interface Case {
  fault: Fault;
  client: Client;
  stream: boolean;
  backed: boolean;
}

/** One gateway per case: what one fault is held against a deployment must not meet the next. */
async function run({ fault, client, stream, backed }: Case): Promise<void> {
  const script = fault.script(stream);
  faulty.answer(script === "refused" ? [] : script);
  sound.answer(stream ? streamOf(...openAiAnswers.frames) : openAiAnswers.plain);
  const isQuiet = script !== "refused" && script.includes(hang);
  const entry = { type: "openai-compatible", api_key: "operator-key" };
  const gateway = await startInProcess(
    {
      health: { enabled: true },
      retry: { retries: 0 },
      providers: {
        // Port 1 is nobody's.
        faulty: { ...entry, base_url: script === "refused" ? "http://127.0.0.1:1" : faulty.url },
        sound: { ...entry, base_url: sound.url },
      },
      models: {
        main: {
          deployments: [{ model: "faulty/m-1", timeouts: isQuiet ? rests : {} }],
          fallbacks: backed ? ["sound/m-2"] : [],
        },
      },
    },
    { pacing: { holdMs: 1_000, keepAliveMs: 2_000, openEarlyMs: 5_000 } },
  );
  try {
    const [path, init] = client.request("main", stream);
    const answer = await gateway.fetch(path, init);
    const seen = await client.read(answer.clone() as Response);
    const isSaved = backed && fault.fallback;
    if (isSaved) expect([answer.status, seen]).toMatchObject([200, { text: words }]);
    else expect(answer.status).toBe(fault.status);
    expect(seen.complete).toBe(isSaved);
    expect(seen.error === undefined).toBe(isSaved);
    // R14: what was shown is shown once.
    expect(seen.text).toBe(isSaved ? words : fault.late ? "Hello" : "");
    expect(sound.requests.length).toBe(isSaved ? 1 : 0);
    expect(faulty.requests.length).toBe(script === "refused" ? 0 : 1);
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
  } finally {
    await gateway.close();
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

/** Fills a line, and fails with the first cell that does not hold. */
async function tabulate(
  { item, name, stated }: Omit<Row, "cells">,
  runCase: (client: Client, stream: boolean) => Promise<void> | "none",
): Promise<void> {
  const cells: Row["cells"] = [];
  table.push({ item, name, stated, cells });
  const failures: Error[] = [];
  for (const client of clients) {
    for (const stream of [false, true]) {
      const running = runCase(client, stream);
      if (running === "none") {
        cells.push("-");
        continue;
      }
      try {
        await running;
        cells.push("ok");
      } catch (cause) {
        cells.push("FAIL");
        failures.push(new Error(`${client.name}${stream ? ", stream" : ""}`, { cause }));
      }
    }
  }
  if (failures[0]) throw failures[0];
}

describe.each(faults)("$item $name", (fault) => {
  test(`${fault.status} ${fault.code}${fault.fallback ? ", or the fallback's answer" : ""}`, () =>
    tabulate({ item: fault.item, name: fault.name, stated: statedOf(fault) }, (client, stream) => {
      if (fault.streamOnly && !stream) return "none";
      return (async () => {
        for (const backed of [false, true]) await run({ fault, client, stream, backed });
      })();
    }));
});

describe.each(courses)("$item $name", (course) => {
  test(course.stated, () =>
    tabulate(course, (client, stream) => course.run({ client, stream, faulty, sound })),
  );
});

function render(rows: readonly Row[]): string {
  const modes = clients.flatMap(({ name }) => [name, "stream"]);
  const all = rows.flatMap(({ cells }) => cells).filter((cell) => cell !== "-");
  const good = all.filter((cell) => cell === "ok").length;
  return [
    line("", "fault", modes, "stated: alone | with a fallback | held against the deployment"),
    ...rows.map(({ item, name, cells, stated }) => line(item, name, cells, stated)),
    `${rows.length} faults, ${all.length} combinations with clients and modes: ${good} as stated`,
  ].join("\n");
}

const line = (item: string, name: string, cells: readonly string[], stated: string): string =>
  [item.padEnd(3), name.padEnd(52), ...cells.map((cell) => cell.padEnd(9)), stated].join(" ");

function statedOf({ status, code, fallback, held, late }: Fault): string {
  const own = late ? `the stream ends with ${code}` : `${status} ${code}`;
  const against = typeof held === "object" ? `rests ${held.restsFor.join("-")} s` : held;
  return `${own} | ${fallback ? "the fallback answers" : "the same"} | ${against}`;
}
