// Experiments from the client's request to the report: arms, stickiness, feedback, figures.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ExperimentReport } from "../../src/routing/experiment-report.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { type Paired, startPaired } from "../support/paired-upstreams.ts";

let one: Paired;
let two: Paired;
let gateway: InProcess;

const appKey = "key-of-the-app-0123456789";
const otherKey = "key-of-another-9876543210";

const provider = (upstream: Paired, price: number) => ({
  type: "openai-compatible",
  base_url: upstream.url,
  api_key: "k",
  prices: { m: { input: price, output: price } },
});

const config = (experiment: object): Record<string, unknown> => ({
  affinity: { enabled: true },
  keys: { app: appKey, other: otherKey },
  providers: { one: provider(one, 1), two: provider(two, 4) },
  models: {
    assistant: { experiment },
    pool: { deployments: ["two/m"] },
  },
});

const arms = {
  control: { model: "one/m", weight: 90 },
  candidate: { model: "two/m", weight: 10 },
};

beforeEach(async () => {
  one = startPaired("from one");
  two = startPaired("from two");
  gateway = await startInProcess(config({ name: "trial", arms }));
});
afterEach(async () => {
  await gateway.close();
  await Promise.all([one.stop(), two.stop()]);
});

async function restart(experiment: object): Promise<void> {
  await gateway.close();
  gateway = await startInProcess(config(experiment));
}

const messages = [{ role: "user", content: "Hi" }];
const ask = (body: object = {}, headers: object = {}): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${appKey}`, ...headers },
    body: JSON.stringify({ model: "assistant", messages, ...body }),
  });
const armOf = (answer: Response): string | null => answer.headers.get("x-megallm-experiment");

async function report(query = ""): Promise<ExperimentReport[]> {
  await gateway.idle();
  const headers = { authorization: `Bearer ${adminKey}` };
  const answer = await gateway.fetch(`/admin/experiments${query}`, { headers });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { experiments: ExperimentReport[] }).experiments;
}

describe("arms", () => {
  test("share the requests by weight, and each answer says which it is", async () => {
    const given: (string | null)[] = [];
    for (let at = 0; at < 50; at += 1) given.push(armOf(await ask()));
    const counted = Map.groupBy(given, (arm) => arm);
    expect(counted.get("trial=control")).toHaveLength(45);
    expect(counted.get("trial=candidate")).toHaveLength(5);
    expect([one.bodies.length, two.bodies.length]).toEqual([45, 5]);
    expect(await report()).toMatchObject([
      {
        name: "trial",
        baseline: "control",
        arms: [
          { arm: "control", requests: 45, share: 0.9, errors: 0, costUsd: "0.000675000" },
          {
            arm: "candidate",
            requests: 5,
            share: 0.1,
            costPerRequestUsd: "0.000060000",
            inputTokens: 50,
            outputTokens: 25,
          },
        ],
      },
    ]);
  });

  test("one user always has the same, after a restart too", async () => {
    const sticky = { arms: { a: "one/m", b: "two/m" }, sticky: "user" };
    await restart(sticky);
    const users = Array.from({ length: 30 }, (_, at) => `user-${at}`);
    const asked = async () => {
      const found: string[] = [];
      for (const user of users) found.push(`${user} ${armOf(await ask({ user }))}`);
      return found;
    };
    const before = await asked();
    expect(await asked()).toEqual(before);
    await restart(sticky);
    expect(await asked()).toEqual(before);
    expect(before.filter((each) => each.endsWith("assistant=a")).length).toBeGreaterThan(5);
    expect(before.filter((each) => each.endsWith("assistant=b")).length).toBeGreaterThan(5);
  });

  test("one conversation always has the same; another key's of the same words its own", async () => {
    await restart({ arms: { a: "one/m", b: "two/m" }, sticky: "session" });
    const of = (at: number) => [{ role: "user", content: `question ${at}` }];
    for (let at = 0; at < 20; at += 1) {
      const first = armOf(await ask({ messages: of(at) }));
      const more = [...of(at), { role: "assistant", content: "x" }, ...of(99)];
      expect(armOf(await ask({ messages: more }))).toBe(first);
    }
  });

  test("a route may be one, and parameters alone may differ", async () => {
    await restart({
      arms: {
        pool: { route: "pool" },
        cold: { model: "one/m", extra_body: { temperature: 0 } },
        warm: { model: "one/m", extra_body: { temperature: 1 } },
      },
    });
    for (let at = 0; at < 9; at += 1) await ask();
    expect(two.bodies).toHaveLength(3);
    expect(
      one.bodies.map(({ temperature }) => Number(temperature)).toSorted((a, b) => a - b),
    ).toEqual([0, 0, 0, 1, 1, 1]);
    expect((await report())[0]?.arms.map(({ arm, requests }) => [arm, requests])).toEqual([
      ["cold", 3],
      ["pool", 3],
      ["warm", 3],
    ]);
  });

  test("one that fails is rescued by another, and it counts as its error", async () => {
    await restart({ arms: { control: "one/m", candidate: "two/m" } });
    two.next = ["fail", "fail"];
    const given: (string | null)[] = [];
    for (let at = 0; at < 4; at += 1) {
      const answer = await ask();
      expect(answer.status).toBe(200);
      given.push(armOf(answer));
    }
    expect(given.filter((arm) => arm === "assistant=candidate")).toHaveLength(2);
    const [found] = await report();
    expect(found?.arms).toMatchObject([
      { arm: "control", requests: 2, errors: 0, rescued: 0 },
      { arm: "candidate", requests: 2, errors: 2, errorRate: 1, rescued: 2, durationMs: null },
    ]);
    one.next = ["fail"];
    two.next = ["fail"];
    expect((await ask()).status).toBe(502);
    const errors = (await report())[0]?.arms.reduce((sum, arm) => sum + arm.errors, 0);
    expect(errors).toBe(3);
  });

  test("whoever says how they are routed is in no experiment", async () => {
    for (const [body, headers] of [
      [{}, { "x-megallm-policy": "lowest-cost" }],
      [{ provider: { order: ["two"] } }, {}],
      [{ provider: { only: ["two"] } }, {}],
      [{ model: "one/m" }, {}],
    ] as const) {
      const answer = await ask(body, headers);
      expect([answer.status, armOf(answer)]).toEqual([200, null]);
    }
    expect(await report()).toEqual([]);
  });

  test("streams have their time to the first token", async () => {
    for (let at = 0; at < 4; at += 1) await (await ask({ stream: true })).text();
    const [found] = await report();
    expect(found?.arms[0]?.firstTokenMs?.p50).toBeGreaterThan(0);
    expect(found?.arms[0]?.durationMs?.p95).toBeGreaterThan(0);
  });
});

describe("feedback", () => {
  const say = (body: unknown, key = appKey): Promise<Response> =>
    gateway.fetch("/v1/feedback", {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const asked = async (): Promise<string> => {
    const answer = await ask();
    await answer.text();
    await gateway.idle();
    return answer.headers.get("x-request-id") ?? "";
  };

  test("is kept once for each name: the last word counts", async () => {
    const id = await asked();
    const first = await say({ request_id: id, value: 3, comment: "fine" });
    expect(first.status).toBe(201);
    const made = (await first.json()) as { id: string };
    expect(made).toMatchObject({ object: "feedback", name: "score", value: 3, comment: "fine" });
    const second = await say({ request_id: id, value: 5 });
    expect(second.status).toBe(200);
    expect(await second.json()).toMatchObject({ id: made.id, value: 5, comment: null });
    expect((await say({ request_id: id, name: "helpful", value: true })).status).toBe(201);
    const [found] = await report();
    expect(found?.arms[0]?.feedback).toEqual([
      { name: "helpful", count: 1, mean: 1 },
      { name: "score", count: 1, mean: 5 },
    ]);
  });

  test("is for the key that asked, and for requests that there are", async () => {
    const id = await asked();
    expect((await say({ request_id: id, value: 1 }, otherKey)).status).toBe(404);
    expect((await say({ request_id: id, value: 1 }, "key-of-nobody-at-all-123")).status).toBe(401);
    expect((await say({ request_id: "req_unknown", value: 1 })).status).toBe(404);
    expect((await report())[0]?.arms[0]?.feedback).toEqual([]);
  });

  test.each([
    ["no JSON", "{", "acceptable JSON"],
    ["a list", [], "expected object"],
    ["no request", { value: 1 }, "request_id"],
    ["no value", { request_id: "r" }, "value"],
    ["a text as the value", { request_id: "r", value: "good" }, "expected a number"],
    ["a value beyond bounds", { request_id: "r", value: 1e300 }, "Too big"],
    ["a strange name", { request_id: "r", value: 1, name: "a b" }, "letters, digits"],
    ["a long comment", { request_id: "r", value: 1, comment: "x".repeat(2_001) }, "comment"],
    ["an unknown field", { request_id: "r", value: 1, note: 1 }, "note"],
    ["__proto__", '{"request_id":"r","value":1,"__proto__":{"name":"x"}}', "__proto__"],
  ])("%s is refused with 400, and the field is named", async (_name, body, message) => {
    const answer = await say(body);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([400, expect.stringContaining(message)]);
  });

  test("has limits: the size of a body, the names of a request", async () => {
    const large = await say(`{"comment":"${"x".repeat(20_000)}"}`);
    expect(large.status).toBe(413);
    const id = await asked();
    for (let at = 0; at < 20; at += 1) {
      expect((await say({ request_id: id, name: `n${at}`, value: at })).status).toBe(201);
    }
    expect((await say({ request_id: id, name: "one-more", value: 1 })).status).toBe(400);
    expect((await say({ request_id: id, name: "n3", value: 7 })).status).toBe(200);
  });

  test("without keys there is one caller", async () => {
    await gateway.close();
    gateway = await startInProcess({ ...config({ arms }), keys: {} });
    expect(
      (await say({ request_id: await asked(), value: 1 }, "anything-at-all-1234")).status,
    ).toBe(201);
  });
});

describe("the report", () => {
  test("takes a name and a time, and refuses what it does not know", async () => {
    await (await ask()).text();
    expect(await report("?name=trial&since_ms=0")).toHaveLength(1);
    expect(await report("?name=other")).toEqual([]);
    expect(await report("?until_ms=1")).toEqual([]);
    const headers = { authorization: `Bearer ${adminKey}` };
    const wrong = await gateway.fetch("/admin/experiments?nme=x", { headers });
    expect(wrong.status).toBe(400);
    expect((await gateway.fetch("/admin/experiments")).status).toBe(401);
    expect((await gateway.fetch("/admin/shadows")).status).toBe(401);
  });
});
