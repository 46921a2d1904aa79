// An explanation is what then happens: over random configurations, requests and states, the same order and the same bytes.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { GatewayError } from "../../src/ir/error.ts";
import { setClock } from "../../src/lib/clock.ts";
import { setIdSource } from "../../src/lib/id.ts";
import { scan, scanArray } from "../../src/lib/json.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createTraffic, type Traffic } from "../../src/pipeline/traffic.ts";
import type { ExplainedCandidate } from "../../src/pipeline/explain-candidate.ts";
import type { Explanation } from "../../src/pipeline/explain.ts";
import { policies } from "../../src/routing/policies/index.ts";
import { createRetryBudget } from "../../src/routing/retry-budget.ts";
import { createRandom } from "../../src/routing/random.ts";
import { sessionOf } from "../../src/routing/session.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";

interface Sent {
  url: string;
  headers: Headers;
  body: string;
}

/** The network of a test: every upstream refuses, and what came is kept. */
function recorder(status = 503) {
  const sent: Sent[] = [];
  const egress = createEgress({
    env: {},
    resolve: async () => ["127.0.0.1"],
    fetch: async (url, init) => {
      const body =
        init.body === undefined || init.body === null ? "" : await new Response(init.body).text();
      sent.push({ url, headers: new Headers(init.headers), body });
      return Response.json({ error: { message: "scripted" } }, { status });
    },
  });
  return { sent, egress };
}

interface Call {
  path: string;
  headers: Record<string, string>;
  body: string;
  key: string | null;
}

interface Told extends Explanation {
  /** Each candidate's outbound body, byte for byte. */
  bodies: (string | undefined)[];
}

async function explained(gateway: InProcess, call: Record<string, unknown>): Promise<Told> {
  const answer = await gateway.fetch("/admin/explain", {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify(call),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  const bodies = items(member(text, "candidates") ?? "[]").map((candidate) => {
    const outbound = member(candidate, "outbound") ?? "null";
    return outbound === "null" ? undefined : member(outbound, "body");
  });
  return { ...(JSON.parse(text) as Explanation), bodies };
}

/** The text of a member, as it is. */
function member(json: string, name: string): string | undefined {
  const bytes = Buffer.from(json);
  const found = scan(bytes).get(name)?.value;
  return found && bytes.subarray(found.start, found.end).toString("utf8");
}

function items(json: string): string[] {
  const bytes = Buffer.from(json);
  return scanArray(bytes).map(({ start, end }) => bytes.subarray(start, end).toString("utf8"));
}

const asking = ({ path, headers, body, key }: Call) => ({
  path,
  headers,
  body,
  ...(key !== null && { key }),
});

/** Put on when a request is sent, or by the connection. */
const ofSending = new Set([
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "accept-encoding",
  "connection",
  "content-length",
  "host",
  "user-agent",
]);

let store: Store;
const restore: (() => void)[] = [];
let nowMs = 1_000_000;

beforeAll(async () => {
  store = await openStore({ path: ":memory:" });
  restore.push(setClock({ monotonic: () => nowMs }));
});
afterAll(async () => {
  for (const each of restore) each();
  await store.close();
});

const policyNames = Object.keys(policies);
const providerTypes = [
  "openai-compatible",
  "anthropic-compatible",
  "anthropic",
  "gemini",
  "mistral",
  "cohere",
  "openrouter",
  "ollama",
] as const;

/** Choices, all of them from one seed. */
function chooser(seed: number) {
  const random = createRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const chance = (share: number): boolean => random() < share;
  const some = <T>(list: readonly T[], share: number): T[] => list.filter(() => chance(share));
  return { below, pick, chance, some };
}
type Chooser = ReturnType<typeof chooser>;

interface World {
  config: Record<string, unknown>;
  /** What may be asked for. */
  models: string[];
  providers: string[];
}

const models = ["small", "large", "gpt-4o", "claude-sonnet-4-5"];

function worldOf({ below, pick, chance, some }: Chooser): World {
  const names = Array.from({ length: 2 + below(3) }, (_, at) => `p${at}`);
  const price = () => ({ input: String(below(900) / 100), output: String(below(3_000) / 100) });
  const providers = Object.fromEntries(
    names.map((name) => [
      name,
      {
        type: pick(providerTypes),
        base_url: `http://127.0.0.1:9/${name}`,
        ...(chance(0.3)
          ? { keys: ["key-a", "key-b", "key-c"].slice(0, 2 + below(2)) }
          : { api_key: "key-a" }),
        ...(chance(0.3) && { models }),
        ...(chance(0.6) && { prices: { "*": price() } }),
        ...(chance(0.2) && { headers: { "x-operator": "hush" } }),
        ...(chance(0.2) && { extra_body: { operator: below(9) } }),
        ...(chance(0.2) && { max_concurrent: 1 + below(2) }),
      },
    ]),
  );
  const deployment = (place: number) => ({
    model: `${pick(names)}/${pick(models)}`,
    ...(chance(0.4) && { weight: below(5) + Number(place === 0) }),
    ...(chance(0.3) && { order: below(3) }),
    ...(chance(0.6) && { quality: 1 + below(3) }),
    ...(chance(0.2) && { max_concurrent: 1 + below(2) }),
    ...(chance(0.1) && { drop_params: ["temperature"] }),
    ...(chance(0.1) && { tags: ["paid"] }),
    ...(chance(0.1) && { region: pick(["eu", "us"]) }),
    ...(chance(0.1) && { unsupported: pick(["warn", "drop", "error"]) }),
  });
  const routeNames = ["alpha", "beta", "wild-*", "*"].slice(0, 2 + below(3));
  const routes = Object.fromEntries(
    routeNames.map((name, at) => {
      const policy = pick(policyNames);
      const deployments = Array.from({ length: 1 + below(4) }, (_, place) => deployment(place));
      return [
        name,
        {
          policy,
          deployments: [
            ...deployments,
            ...(name === "alpha" && chance(0.2) ? [{ route: "beta", order: below(2) }] : []),
          ],
          ...(policy === "weighted" && chance(0.5) && { sticky: pick(["user", "session"]) }),
          ...(policy === "auto" && { slider: below(11) / 10 }),
          ...(chance(0.2) && {
            fallbacks: { context_window: [`${pick(names)}/${pick(models)}`] },
          }),
          ...(chance(0.4) && {
            fallbacks: [at + 1 < 2 ? "beta" : `${pick(names)}/${pick(models)}`],
          }),
        },
      ];
    }),
  );
  const keys = {
    open: { key: "client-key-for-tests-open" },
    shut: { key: "client-key-for-tests-shut", overrides: false },
  };
  return {
    config: {
      providers,
      models: routes,
      aliases: { nick: "alpha" },
      ...(chance(0.5) && { keys }),
      retry: { retries: 0, max_attempts: 20 },
      queue: { max: 0 },
      health: { enabled: chance(0.9) },
      affinity: { enabled: chance(0.8) },
    },
    models: [
      "alpha",
      "alpha",
      "beta",
      "beta",
      "nick",
      "wild-one",
      "alpha:floor",
      ...some(names, 0.3).map((name) => `${name}/small`),
      ...(chance(0.1) ? ["nobody-has-this"] : []),
    ],
    providers: names,
  };
}

const words = "the quick brown fox proves that every prime above two is odd, step by step ".split(
  " ",
);

function callOf(world: World, { below, pick, chance }: Chooser): Call {
  const model = pick(world.models);
  const text = Array.from({ length: 3 + below(60) }, () => pick(words)).join(" ");
  const stream = chance(0.4);
  const user = `user-${below(20)}`;
  const limit = 1 + below(2_000);
  const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
  const headers: Record<string, string> = {
    "content-type": "application/json",
    ...(chance(0.3) && { "x-session-id": `session-${below(5)}` }),
    ...(chance(0.05) && { "x-megallm-affinity": "off" }),
    ...(chance(0.2) && { "x-megallm-policy": pick(policyNames) }),
    ...(chance(0.1) && { "x-megallm-fallbacks": `beta, ${pick(world.providers)}/large` }),
    ...(chance(0.1) && { "x-megallm-unsupported": pick(["warn", "drop", "error"]) }),
    ...(chance(0.1) && { "x-megallm-tags": "paid" }),
    ...(chance(0.1) && { "x-megallm-region": pick(["eu", "us"]) }),
    ...(chance(0.1) && { "x-megallm-max-attempts": String(1 + below(3)) }),
  };
  const keyed = "keys" in world.config;
  const key = keyed ? pick(["open", "open", "shut"]) : null;
  const wish = {
    ...(chance(0.15) && { models: [model, "beta"] }),
    ...(chance(0.2) && {
      provider: {
        ...(chance(0.3) && { only: [pick(world.providers), pick(world.providers)] }),
        ...(chance(0.3) && { ignore: [pick(world.providers)] }),
        ...(chance(0.3) && { order: [pick(world.providers)] }),
        ...(chance(0.3) && { sort: pick(["price", "latency", "throughput"]) }),
        ...(chance(0.2) && { max_price: { prompt: 5 } }),
        ...(chance(0.2) && { require_parameters: true }),
        ...(chance(0.2) && { allow_fallbacks: false }),
      },
    }),
  };
  const tool = { name: "look_up", description: "Looks it up.", schema };
  const hasTool = chance(0.3);
  const made = pick([
    () => ({
      path: "/v1/chat/completions",
      body: {
        model,
        stream,
        messages: [
          ...(chance(0.5) ? [{ role: "system", content: "Be brief." }] : []),
          { role: "user", content: text },
        ],
        ...(chance(0.5) && { max_tokens: limit }),
        ...(chance(0.5) && { temperature: 0.5 }),
        ...(chance(0.3) && { user }),
        ...(chance(0.1) && { logit_bias: { 5: 1 } }),
        ...(chance(0.1) && {
          response_format: { type: "json_schema", json_schema: { name: "a", schema } },
        }),
        ...(hasTool && {
          tools: [
            {
              type: "function",
              function: { name: tool.name, description: tool.description, parameters: schema },
            },
          ],
        }),
        ...wish,
      },
    }),
    () => ({
      path: "/v1/messages",
      body: {
        model,
        stream,
        max_tokens: limit,
        ...(chance(0.5) && { system: "Be brief." }),
        messages: [{ role: "user", content: text }],
        ...(chance(0.3) && { top_k: 5 }),
        ...(chance(0.2) && { thinking: { type: "enabled", budget_tokens: 1_024 } }),
        ...(hasTool && {
          tools: [{ name: tool.name, description: tool.description, input_schema: schema }],
        }),
      },
    }),
    () => ({
      path: "/v1/responses",
      body: {
        model,
        stream,
        input: text,
        store: false,
        ...(chance(0.5) && { instructions: "Be brief." }),
        ...(chance(0.5) && { max_output_tokens: limit }),
        ...(chance(0.3) && { prompt_cache_key: `cache-${below(5)}` }),
        ...(hasTool && {
          tools: [
            {
              type: "function",
              name: tool.name,
              description: tool.description,
              parameters: schema,
            },
          ],
        }),
      },
    }),
    () => ({
      path: `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
      body: {
        contents: [{ role: "user", parts: [{ text }] }],
        ...(chance(0.5) && { generationConfig: { maxOutputTokens: limit, topK: 4 } }),
        ...(hasTool && {
          tools: [
            {
              functionDeclarations: [
                { name: tool.name, description: tool.description, parameters: schema },
              ],
            },
          ],
        }),
      },
    }),
  ])();
  return { path: made.path, headers, body: JSON.stringify(made.body), key };
}

const failures = [
  () => new GatewayError("upstream_rate_limited", "slow down", { retryAfterMs: 30_000 }),
  () => new GatewayError("upstream_auth", "no", { upstream: { status: 401 } }),
  () => new GatewayError("upstream_unavailable", "down", { upstream: { status: 503 } }),
];

/** What happened before: rests, latencies, requests under way, conversations. */
function live(
  traffic: Traffic,
  found: readonly ExplainedCandidate[],
  call: Call,
  choose: Chooser,
): void {
  const { below, pick, chance } = choose;
  for (const { deployment, provider, model, key } of found) {
    const id = `${provider}/${model}`;
    for (let count = below(4); count > 0; count -= 1) {
      const measured = traffic.stats.begin(id, 100);
      nowMs += below(400);
      if (chance(0.5)) measured.firstToken();
      nowMs += below(400);
      if (chance(0.9)) {
        measured.end(
          chance(0.8) ? { kind: "answered", outputTokens: below(300) } : { kind: "failed" },
        );
      }
    }
    if (chance(0.25)) {
      const error = pick(failures);
      const subject = { deployment, ...(key !== null && { key: `${provider}#${key}` }) };
      for (let count = error().code === "upstream_unavailable" ? 6 : 1; count > 0; count -= 1) {
        const pass = traffic.health.begin(subject, { lastResort: true });
        pass?.failed(error());
        pass?.end();
      }
      // Some are half-open by now, and one of those is being probed.
      if (chance(0.3)) nowMs += 31_000;
      if (chance(0.1)) traffic.health.begin(subject);
    }
    if (chance(0.2)) traffic.gates.tryEnter([{ name: `deployment ${id}`, limit: 9 }]);
    if (chance(0.1)) traffic.gates.tryEnter([{ name: `provider ${provider}`, limit: 9 }]);
  }
  const session = sessionOf({ headers: new Headers(call.headers), scope: call.key });
  if (session && found.length > 0 && chance(0.7)) {
    traffic.affinity.keep(session.key, { deployment: pick(found).deployment });
  }
}

/** What the explanation says is sent when everybody fails, by place. */
function foreseen({ candidates, max_attempts: most }: Told): number[] {
  const found: number[] = [];
  let attempts = 0;
  for (const [at, each] of candidates.entries()) {
    if (each.rank === null || attempts >= most) continue;
    // Nobody waits for a place: the queue is closed.
    if (each.state === "full") break;
    attempts += 1;
    if (each.outbound) found.push(at);
    else if (each.error?.next_is_asked === false) break;
  }
  return found;
}

function compare(seed: number, told: Told, [at, sent]: [number, Sent | undefined]): void {
  const outbound = told.candidates[at]?.outbound;
  if (!outbound || !sent) throw new Error(`seed ${seed}: candidate ${at + 1} was not asked`);
  expect(`${seed} ${sent.url}`).toBe(`${seed} ${outbound.url}`);
  expect(`${seed} ${sent.body}`).toBe(`${seed} ${told.bodies[at]}`);
  for (const [name, value] of Object.entries(outbound.headers)) {
    const shown = name === "x-operator" ? "***" : sent.headers.get(name);
    expect(`${seed} ${name}: ${shown}`).toBe(`${seed} ${name}: ${value}`);
  }
  const others = [...sent.headers.keys()].filter((name) => !(name in outbound.headers));
  expect(others.filter((name) => !ofSending.has(name))).toEqual([]);
}

const seeds = Array.from({ length: 1_000 }, (_, at) => at + 1);
const parts = 10;

describe("a live request does what its explanation says", () => {
  const seen = {
    sent: 0,
    several: 0,
    refused: 0,
    preferred: 0,
    resting: 0,
    full: 0,
    excluded: 0,
    reserved: 0,
  };
  const dialects = new Set<string>();
  const used = new Set<string>();

  for (let part = 0; part < parts; part += 1) {
    const own = seeds.filter((seed) => seed % parts === part);
    test(`${own.length} random configurations, part ${part + 1}`, async () => {
      for (const seed of own) {
        const choose = chooser(seed);
        const world = worldOf(choose);
        const call = callOf(world, choose);
        const { sent, egress } = recorder();
        // A storm of retries is another test's business.
        const budget = createRetryBudget({ floor: 100 });
        const traffic = { ...createTraffic(silentLogger), budget };
        const gateway = await startInProcess(world.config, { store, egress, traffic });
        let ids = 0;
        const putBack = setIdSource(() => `${seed}`.padStart(30, "0") + ids);
        const ask = async (): Promise<Response> => {
          const answer = await gateway.fetch(call.path, {
            method: "POST",
            headers: {
              ...call.headers,
              ...(call.key !== null && {
                authorization: `Bearer client-key-for-tests-${call.key}`,
              }),
            },
            body: call.body,
          });
          await answer.text();
          await gateway.idle();
          return answer;
        };
        try {
          // Some turns are taken already.
          for (let earlier = choose.below(3); earlier > 0; earlier -= 1) {
            await ask();
            ids += 1;
          }
          sent.length = 0;
          const before = await explained(gateway, asking(call));
          live(traffic, before.candidates, call, choose);
          const told = await explained(gateway, asking(call));
          expect(sent).toEqual([]);
          // Asking twice changes nothing.
          if (seed % 4 === 0) expect(await explained(gateway, asking(call))).toEqual(told);
          const expected = foreseen(told);
          const answer = await ask();
          expect([seed, sent.map(({ url }) => url)]).toEqual([
            seed,
            expected.map((at) => told.candidates[at]?.outbound?.url ?? ""),
          ]);
          for (const [nth, at] of expected.entries()) compare(seed, told, [at, sent[nth]]);
          if (told.error) expect([seed, answer.status]).toEqual([seed, told.error.status]);
          seen.sent += sent.length;
          seen.several += Number(sent.length > 1);
          seen.refused += Number(told.error !== null);
          seen.preferred += Number(told.candidates.some(({ preferred }) => preferred !== null));
          seen.resting += Number(told.candidates.some(({ state }) => state === "resting"));
          seen.full += Number(told.candidates.some(({ state }) => state === "full"));
          seen.reserved += Number(told.candidates.some(({ state }) => state === "reserved"));
          seen.excluded += Number(told.excluded.length > 0);
          for (const { policy } of told.policies) used.add(policy);
          for (const at of expected) {
            dialects.add(`${told.dialect}>${told.candidates[at]?.outbound?.dialect}`);
          }
        } finally {
          putBack();
        }
      }
    }, 60_000);
  }

  test("nothing of what can be seen was left out", () => {
    expect(Object.entries(seen).filter(([, count]) => count < 20)).toEqual([]);
    expect([...used].toSorted()).toEqual(policyNames.toSorted());
    expect(dialects.size).toBeGreaterThan(15);
  });
});

describe("what is explained", () => {
  const base = {
    providers: {
      one: {
        type: "openai-compatible",
        base_url: "http://127.0.0.1:9/one",
        api_key: "secret-of-one-0123456789",
        headers: { "x-operator": "secret-header" },
        extra_body: { note: "secret-body" },
        prices: { "*": { input: "1.00", output: "2.00" } },
      },
      two: {
        type: "anthropic-compatible",
        base_url: "http://127.0.0.1:9/two",
        keys: ["secret-two-a-0123456789", "secret-two-b-0123456789"],
        prices: { "*": { input: "3.00", output: "4.00" } },
      },
    },
    models: {
      cheap: { policy: "lowest-cost", deployments: ["two/m", "one/m"] },
      turns: { policy: "round-robin", deployments: ["one/m", "two/m"] },
      hard: {
        policy: "auto",
        deployments: [
          { model: "one/m", quality: 1 },
          { model: "two/m", quality: 2 },
        ],
      },
    },
    keys: {
      team: { key: "client-key-of-the-team" },
      shut: { key: "client-key-for-tests-shut", overrides: false },
    },
  };
  const said = [{ role: "user", content: "Hi" }];

  async function started(over: object = {}) {
    const { sent, egress } = recorder();
    const traffic = createTraffic(silentLogger);
    const gateway = await startInProcess({ ...base, ...over }, { store, egress, traffic });
    return { gateway, sent, traffic };
  }

  test("order, scores, costs and the request that would leave, without any secret", async () => {
    const { gateway, sent } = await started();
    const told = await explained(gateway, {
      path: "/v1/chat/completions",
      key: "team",
      body: { model: "cheap", messages: said, max_tokens: 100, temperature: 1 },
    });
    expect(told.error).toBeNull();
    expect([told.model, told.key, told.dialect]).toEqual(["cheap", "team", "openai-chat"]);
    expect(told.resolved).toEqual([{ name: "cheap", as: "route", to: "cheap" }]);
    expect(told.policies).toEqual([{ route: "cheap", policy: "lowest-cost", turn: 0 }]);
    expect(told.candidates.map(({ rank, deployment, state }) => [rank, deployment, state])).toEqual(
      [
        [1, "one/m#default", "ready"],
        [2, "two/m#key-1", "ready"],
        [3, "two/m#key-2", "ready"],
      ],
    );
    const [first] = told.candidates;
    expect(first?.cost).toEqual({
      input_tokens: 8,
      expected_output_tokens: 100,
      worst_output_tokens: 100,
      expected_usd: "0.000208000",
      worst_usd: "0.000208000",
      source: "override:*",
    });
    expect(first?.judged[0]?.why).toMatch(/^about 0\.\d+ USD$/);
    expect(first?.outbound?.headers["x-operator"]).toBe("***");
    expect(JSON.parse(told.bodies[0] ?? "")).toMatchObject({ model: "m", note: "***" });
    expect(JSON.stringify(told)).not.toMatch(/secret/);
    expect(sent).toEqual([]);
  });

  test("numbers stay as they are spelt, and a body may come as text", async () => {
    const { gateway } = await started();
    const body = '{ "model": "one/m", "temperature": 1.0, "messages": [] }';
    const told = await explained(gateway, { path: "/v1/chat/completions", body });
    expect(told.bodies[0]).toContain('"temperature": 1.0');
  });

  test("nobody's turn is taken, and nothing is recorded", async () => {
    const { gateway, traffic } = await started();
    const call = { path: "/v1/chat/completions", body: { model: "turns", messages: said } };
    const { rows: before } = await store.requests({ limit: 1 });
    const first = await explained(gateway, call);
    for (let time = 0; time < 3; time += 1) expect(await explained(gateway, call)).toEqual(first);
    expect((await store.requests({ limit: 1 })).rows).toEqual(before);
    expect(traffic.health.snapshot()).toEqual([]);
    expect(traffic.affinity.size).toBe(0);
    expect(traffic.gates.snapshot()).toEqual({ waiting: 0, inside: {} });
  });

  test("the difficulty, with the share of each feature", async () => {
    const { gateway } = await started();
    const content = "Prove that there are infinitely many primes, then generalise it. ".repeat(4);
    const told = await explained(gateway, {
      path: "/v1/chat/completions",
      body: { model: "hard", messages: [{ role: "user", content }] },
    });
    expect(told.difficulty?.parts.length).toBeGreaterThan(2);
    const whole = told.difficulty?.parts.reduce((sum, { share }) => sum + Math.abs(share), 0);
    expect(whole).toBeCloseTo(1, 6);
    expect(told.candidates[0]?.judged.length).toBeGreaterThan(0);
  });

  test("who was left out, and why", async () => {
    const { gateway } = await started();
    const body = { model: "cheap", messages: said, provider: { ignore: ["one"] } };
    const told = await explained(gateway, { path: "/v1/chat/completions", body });
    expect(told.excluded).toMatchObject([
      { deployment: "one/m#default", why: "excluded by `ignore` in `provider`" },
    ]);
  });

  test("who rests, for how long, and because of what", async () => {
    const { gateway, traffic } = await started({ health: { enabled: true } });
    const pass = traffic.health.begin({ deployment: "one/m#default", key: "one#default" });
    pass?.failed(new GatewayError("upstream_rate_limited", "slow", { retryAfterMs: 30_000 }));
    pass?.end();
    const body = { model: "cheap", messages: said };
    const told = await explained(gateway, { path: "/v1/chat/completions", body });
    expect(told.candidates.at(-1)).toMatchObject({
      rank: null,
      deployment: "one/m#default",
      state: "resting",
      state_reason: "rests for 30 s more: its provider said that a rate limit is reached",
    });
  });

  test.each([
    ["a field of the wrong type", { model: 7, messages: said }, 400, "`model` must be"],
    ["an unknown model", { model: "chaep", messages: said }, 404, "Did you mean `cheap`?"],
    ["a wish that cannot be read", { model: "cheap", provider: { sort: "age" } }, 400, "`price`"],
    ["no JSON", '{"model":', 400, "not acceptable JSON"],
  ])("a refusal in words: %s", async (_name, body, status, message) => {
    const { gateway, sent } = await started();
    const told = await explained(gateway, { path: "/v1/chat/completions", body });
    expect(told.error?.status).toBe(status);
    expect(told.error?.message).toContain(message);
    expect([told.candidates, sent]).toEqual([[], []]);
  });

  test("as a key that may not choose, and as a client with a key that is not known", async () => {
    const { gateway } = await started();
    const call = {
      path: "/v1/messages",
      headers: { "x-megallm-policy": "first" },
      body: { model: "cheap", max_tokens: 5, messages: said },
    };
    expect((await explained(gateway, { ...call, key: "shut" })).error?.code).toBe("forbidden");
    const stranger = { ...call, headers: { "x-api-key": "somebody-elses" } };
    expect((await explained(gateway, stranger)).error?.status).toBe(401);
  });

  test.each([
    ["openai-chat", { model: "one/m", messages: said }],
    ["openai-responses", { model: "one/m", input: "Hi" }],
    ["gemini", { model: "one/m", contents: [{ role: "user", parts: [{ text: "Hi" }] }] }],
    [
      "bedrock-converse",
      { modelId: "one/m", messages: [{ role: "user", content: [{ text: "Hi" }] }] },
    ],
  ])("a body that says no path is read as %s", async (dialect, body) => {
    const { gateway } = await started();
    const told = await explained(gateway, { body });
    expect([told.dialect, told.model, told.error]).toEqual([dialect, "one/m", null]);
    expect(told.notes[0]).toStartWith(`read as ${dialect}`);
  });

  test.each([
    ["no JSON", "{", "must be a JSON object"],
    ["no body", "{}", "`body` is missing"],
    ["a member that is not known", '{"body":{},"bdy":1}', "`bdy` is no member"],
    ["a path of nothing", '{"body":{},"path":"/v1/nothing"}', "no path whose requests"],
    ["a path that is no path", '{"body":{},"path":"chat"}', "no path whose requests"],
    ["a header that is none", '{"body":{},"headers":{"a b":"c"}}', "is no HTTP header"],
    ["a header of a number", '{"body":{},"headers":{"a":1}}', "must be a string"],
    ["a key that is not there", '{"body":{"model":"m"},"key":"who"}', "`who` is no key"],
    ["a key of a number", '{"body":{"model":"m"},"key":7}', "`key` must be a string"],
    ["pictures", '{"body":{"model":"m"},"path":"/v1/images/generations"}', "are not explained"],
  ])("what cannot be asked: %s", async (_name, body, message) => {
    const { gateway } = await started();
    const answer = await gateway.fetch("/admin/explain", {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}` },
      body,
    });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(message)]);
  });

  test("only for the admin key", async () => {
    const { gateway } = await started();
    const answer = await gateway.fetch("/admin/explain", {
      method: "POST",
      headers: { authorization: "Bearer client-key-of-the-team" },
      body: "{}",
    });
    expect(answer.status).toBe(401);
  });
});
