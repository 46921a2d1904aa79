// What an explanation says of rights, limits, budgets, races and experiments is what a live request then meets.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Explanation } from "../../src/pipeline/explain.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { administer, makeKey, makeTeam } from "../support/virtual-keys.ts";

let upstream: Bun.Server<undefined>;
let gateway: InProcess;
/** Bodies that came. */
let bodies: Record<string, unknown>[];
/** While it is set, answers wait for it. */
let gate: Promise<void> | null;

beforeEach(async () => {
  bodies = [];
  gate = null;
  upstream = Bun.serve({
    port: 0,
    async fetch(request) {
      bodies.push((await request.json()) as Record<string, unknown>);
      await gate;
      return Response.json({
        id: "c",
        object: "chat.completion",
        created: 1,
        model: "m",
        choices: [
          { index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" },
        ],
        usage: { prompt_tokens: 4, completion_tokens: 1, total_tokens: 5 },
      });
    },
  });
  const provider = (price: string) => ({
    type: "openai-compatible",
    base_url: `${upstream.url.origin}/v1`,
    api_key: "k",
    prices: { "*": { input: price, output: price } },
  });
  gateway = await startInProcess({
    server: { require_key: "always" },
    providers: {
      dear: provider("900"),
      cheap: provider("9"),
      vague: { ...provider("1"), prices: {} },
    },
    keys: { own: { key: "key-of-the-configuration", limits: { requests_per_minute: 3 } } },
    models: {
      both: { deployments: ["dear/m", "cheap/m"] },
      raced: {
        deployments: ["dear/m", "cheap/m"],
        hedge: { after: "700ms", max_extra_spend: 0.2 },
        on_midstream_failure: "continue",
      },
      trial: {
        experiment: {
          name: "trial",
          arms: { control: { model: "dear/m", weight: 1 }, other: { model: "cheap/m", weight: 1 } },
        },
      },
    },
  });
});
afterEach(async () => {
  await gateway.close();
  await upstream.stop(true);
});

interface Wanted {
  key?: string;
  headers?: Record<string, string>;
  model?: string;
  more?: object;
}

const bodyOf = ({ model = "both", more = {} }: Wanted) => ({
  model,
  messages: [{ role: "user", content: "hi" }],
  ...more,
});

async function asked(wanted: Wanted): Promise<{ status: number; text: string }> {
  const { key, headers } = wanted;
  const answer = await gateway.fetch("/admin/explain", {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({
      path: "/v1/chat/completions",
      body: bodyOf(wanted),
      ...(headers && { headers }),
      ...(key !== undefined && { key }),
    }),
  });
  return { status: answer.status, text: await answer.text() };
}

async function explained(wanted: Wanted): Promise<Explanation> {
  const { status, text } = await asked(wanted);
  expect([status, text]).toEqual([200, expect.any(String)]);
  return JSON.parse(text) as Explanation;
}

/** Sends it with the secret. */
const send = (secret: string, wanted: Wanted = {}): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, ...wanted.headers },
    body: JSON.stringify(bodyOf(wanted)),
  });

const messageOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { error: { message: string } }).error.message;

const budgetFor = (subject: string, amount_usd: string, more: object = {}) =>
  administer(gateway, "POST", "/budgets", {
    name: `for ${subject.split(":")[0]}`,
    amount_usd,
    window: "1d",
    subjects: [subject],
    ...more,
  });

describe("whose request it is", () => {
  test("a key of the directory, by its id, by its name, by its secret", async () => {
    const { id, key } = await makeKey(gateway, { name: "ci", models: ["cheap/*"] });
    const byId = await explained({ key: id });
    expect(byId).toMatchObject({ key: "ci", error: null });
    expect(byId.candidates.map(({ deployment }) => deployment)).toEqual(["cheap/m#default"]);
    expect(byId.excluded).toMatchObject([{ deployment: "dear/m", why: "the key may not use it" }]);
    expect(await explained({ key: "ci" })).toEqual(byId);
    expect(await explained({ headers: { authorization: `Bearer ${key}` } })).toEqual(byId);
    // Fallbacks that it names, too.
    const more = { fallbacks: ["dear/x"] };
    const wide = await explained({ key: "ci", more });
    expect(wide.excluded).toContainEqual(
      expect.objectContaining({ deployment: "dear/x", why: "the key may not use it" }),
    );
  });

  test("a name that several have leads nowhere; one that is of the configuration is that", async () => {
    const team = await makeTeam(gateway);
    const ids = [
      await makeKey(gateway, { name: "twin" }),
      await makeKey(gateway, { name: "twin", team_id: team }),
    ];
    const { status, text } = await asked({ key: "twin" });
    expect(status).toBe(400);
    for (const { id } of ids) expect(text).toContain(id);
    await makeKey(gateway, { name: "own" });
    expect((await explained({ key: "own" })).limits).toMatchObject([{ amount: 3 }]);
    expect((await asked({ key: "nobody's" })).text).toContain(
      "neither of the configuration (`own`)",
    );
  });

  test.each([
    ["blocked", { blocked: true }, 403],
    ["expired", { expires_at_ms: 1 }, 401],
    ["of other operations", { operations: ["embeddings"] }, 403],
    ["of other models", { models: ["other"] }, 403],
  ])("one that is %s: the refusal that its requests meet", async (_, fields, status) => {
    const { id, key } = await makeKey(gateway, fields);
    const live = await send(key);
    const { error } = await explained({ key: id });
    expect([live.status, error?.status]).toEqual([status, status]);
    expect(error?.message).toBe(await messageOf(live));
  });

  test("where it may come from is not looked at, and that is said", async () => {
    const { id } = await makeKey(gateway, { allowed_ips: ["10.0.0.0/8"] });
    const { error, notes } = await explained({ key: id });
    expect(error).toBeNull();
    expect(notes).toContain(
      "the key works from certain addresses alone, which is not looked at here",
    );
  });
});

describe("rate limits", () => {
  test("how much is left, until the very refusal; asking takes nothing", async () => {
    const team = await makeTeam(gateway);
    const { id, key } = await makeKey(gateway, { team_id: team });
    const limit = (
      subject: string,
      unit: string,
      amount: number,
      more: object = { window: "minute" },
    ) => administer(gateway, "POST", "/limits", { subject, unit, amount, ...more });
    await limit(`key:${id}`, "requests", 2);
    await limit(`team:${team}`, "tokens", 10_000);
    await limit(`team:${team}`, "parallel", 1, {});
    const leftNow = async () =>
      Object.fromEntries(
        (await explained({ key: id })).limits.map(({ unit, remaining }) => [unit, remaining]),
      );
    for (let time = 0; time < 5; time += 1) {
      expect(await leftNow()).toEqual({ parallel: 1, requests: 2, tokens: 10_000 });
    }
    const open = Promise.withResolvers<void>();
    gate = open.promise;
    const first = send(key);
    while (bodies.length === 0) await Bun.sleep(1);
    const meanwhile = await explained({ key: id });
    expect(meanwhile.limits.find(({ unit }) => unit === "parallel")).toMatchObject({
      remaining: 0,
    });
    expect(meanwhile.error).toMatchObject({ status: 429 });
    expect(meanwhile.error?.message).toBe(await messageOf(await send(key)));
    open.resolve();
    expect((await first).status).toBe(200);
    await gateway.idle();
    expect(await leftNow()).toEqual({ parallel: 1, requests: 1, tokens: 9_995 });
    expect((await send(key)).status).toBe(200);
    const full = await explained({ key: id });
    const counted = full.limits.find(({ unit }) => unit === "requests");
    expect(counted).toMatchObject({
      remaining: 0,
      window: "minute",
      of: expect.stringMatching(/^key /),
    });
    expect(counted?.resets_in_ms).toBeGreaterThan(0);
    const live = await send(key);
    expect([live.status, full.error?.status]).toEqual([429, 429]);
    // The wait in seconds may be one less by then.
    const plain = (text: string) => text.replace(/\d+ s\.$/, "");
    expect(plain(full.error?.message ?? "")).toBe(plain(await messageOf(live)));
  });

  test("one on a deployment's model alone stands with that deployment, and the next is asked", async () => {
    const { id, key } = await makeKey(gateway);
    const limit = { subject: `key:${id}`, unit: "requests", amount: 1, window: "minute" };
    await administer(gateway, "POST", "/limits", { ...limit, model: "dear/*" });
    expect((await send(key)).headers.get("x-megallm-provider")).toBe("dear");
    const { candidates, error, limits } = await explained({ key: id });
    expect([limits, error]).toEqual([[], null]);
    expect(candidates.map(({ admission }) => admission.limits.length)).toEqual([1, 0]);
    expect(candidates[0]).toMatchObject({ error: { status: 429, next_is_asked: true } });
    expect((await send(key)).headers.get("x-megallm-provider")).toBe("cheap");
  });
});

describe("budgets", () => {
  test("what would be set aside is what is set aside, and the answer is cut to the same length", async () => {
    const { id, key } = await makeKey(gateway);
    const { id: budgetId } = await budgetFor(`key:${id}`, "10");
    for (const more of [{}, { max_tokens: 100 }]) {
      const { candidates } = await explained({ key: id, model: "cheap/m", more });
      const { budgets, hold_usd, output_cap } = candidates[0]?.admission ?? {};
      expect(budgets).toMatchObject([{ id: budgetId, amount_usd: "10.000000000", fits: true }]);
      const open = Promise.withResolvers<void>();
      gate = open.promise;
      const before = bodies.length;
      const live = send(key, { model: "cheap/m", more });
      while (bodies.length === before) await Bun.sleep(1);
      const [during] = (await explained({ key: id, model: "cheap/m", more })).candidates;
      expect(during?.admission.budgets[0]?.held_usd).toBe(hold_usd ?? "");
      expect(bodies.at(-1)?.["max_tokens"]).toBe(output_cap ?? 100);
      open.resolve();
      expect((await live).status).toBe(200);
      await gateway.idle();
    }
    const [after] = (await explained({ key: id, model: "cheap/m" })).candidates;
    expect(after?.admission.budgets[0]).toMatchObject({
      spent_usd: "0.000090000",
      held_usd: "0.000000000",
    });
  });

  test("who cannot be paid is passed by; where nobody can, the same refusal", async () => {
    const { id, key } = await makeKey(gateway);
    await budgetFor(`key:${id}`, "0.05");
    const mixed = await explained({ key: id, more: { max_tokens: 200 } });
    expect(mixed.error).toBeNull();
    expect(mixed.candidates.map(({ error }) => error?.status)).toEqual([402, undefined]);
    const live = await send(key, { more: { max_tokens: 200 } });
    expect(live.headers.get("x-megallm-provider")).toBe("cheap");
    await gateway.idle();
    const alone = await explained({ key: id, model: "dear/m", more: { max_tokens: 200 } });
    const refused = await send(key, { model: "dear/m", more: { max_tokens: 200 } });
    expect([refused.status, alone.error?.status]).toEqual([402, 402]);
    expect(alone.error?.message).toBe(await messageOf(refused));
    expect(alone.candidates[0]?.admission.budgets).toMatchObject([{ fits: false }]);
    const unknown = await explained({ key: id, model: "vague/m" });
    expect(unknown.error?.message).toBe(await messageOf(await send(key, { model: "vague/m" })));
  });

  test("for each end user apart, and of the gateway also for nobody's key", async () => {
    const { id } = await makeKey(gateway);
    await budgetFor("gateway", "5", { each: "end_user" });
    const { candidates } = await explained({ key: id, more: { user: "u#1" } });
    expect(candidates[0]?.admission.budgets).toMatchObject([
      { of: "u#1", window_end_ms: expect.any(Number) },
    ]);
    const [nobodys] = (await explained({})).candidates;
    expect(nobodys?.admission.budgets).toMatchObject([{ of: "(none)", left_usd: "5.000000000" }]);
    // Nothing was written for it.
    expect((await administer(gateway, "GET", "/alerts"))["data"]).toEqual([]);
  });
});

describe("races and experiments", () => {
  test("when a stream would be raced, or why not; who goes on where it breaks off", async () => {
    const stream = { stream: true };
    const raced = await explained({ model: "raced", more: stream });
    expect(raced.hedge).toEqual({
      route: "raced",
      after: 700,
      max_extra_spend: 0.2,
      starts_after_ms: 700,
      why_not: null,
    });
    expect(raced.candidates.map((each) => each.on_midstream_failure)).toEqual([
      "continue",
      "continue",
    ]);
    expect((await explained({ model: "raced" })).hedge).toMatchObject({
      after: "p95",
      starts_after_ms: null,
      why_not: expect.stringContaining("not known yet"),
    });
    const search = { stream: true, plugins: [{ id: "web" }], tools: [{ type: "web_search" }] };
    const acting = await explained({ model: "raced", more: search });
    expect(acting.hedge?.why_not).toContain("with_effects");
    const once = { "idempotency-key": "one-and-only" };
    const kept = await explained({ model: "raced", more: stream, headers: once });
    expect(kept.hedge?.why_not).toContain("Idempotency-Key");
    const single = { "x-megallm-max-attempts": "1" };
    const hurried = await explained({ model: "raced", more: stream, headers: single });
    expect(hurried.hedge?.why_not).toContain("one attempt");
    const plain = await explained({ more: stream });
    expect(plain.hedge).toBeNull();
    expect(plain.candidates[0]?.on_midstream_failure).toBe("end");
  });

  test("the arm that it would be given", async () => {
    const { candidates, experiment } = await explained({ model: "trial" });
    const first = candidates[0]?.deployment.startsWith("dear/") ? "control" : "other";
    expect(experiment).toEqual({ experiment: "trial", arm: first });
    const headers = { "x-megallm-policy": "lowest-cost" };
    expect((await explained({ model: "trial", headers })).experiment).toBeNull();
  });
});
