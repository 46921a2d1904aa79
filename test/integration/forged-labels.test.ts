// What a caller says of itself (user, tags, session, any header) never widens a limit, and never gets around one. (S55)
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { administer, makeKey, makeTeam } from "../support/virtual-keys.ts";

let upstream: Upstream;
let gateway: InProcess;

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  gateway = await startInProcess({
    providers: {
      up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
    },
    models: { route: { deployments: ["up/gpt-4o"] }, "wild-*": { deployments: ["up/*"] } },
    aliases: { nick: "route" },
    prices: { "gpt-4o": { input: "10", output: "10" } },
    server: { require_key: "always" },
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

interface Said {
  body?: object;
  headers?: Record<string, string>;
}

/** Ways to say that one is somebody else; `n` makes each of them new. */
const claims: ((n: number) => Said)[] = [
  () => ({}),
  (n) => ({ body: { user: `user ${n}` } }),
  (n) => ({ body: { user: `user ${n}`, safety_identifier: `s${n}`, prompt_cache_key: `p${n}` } }),
  (n) => ({ body: { metadata: { tags: [`tag ${n}`], user_id: `u${n}`, team_id: "x" } } }),
  (n) => ({ headers: { "x-megallm-tags": `tag ${n}`, "x-litellm-tags": `other ${n}` } }),
  (n) => ({
    headers: {
      "x-session-id": `s${n}`,
      "session-id": `s${n}`,
      "x-claude-code-session-id": `s${n}`,
    },
  }),
  (n) => ({
    headers: {
      "x-megallm-key": `k${n}`,
      "x-megallm-user": `u${n}`,
      "x-megallm-team": `t${n}`,
      "x-litellm-end-user-id": `e${n}`,
      "openai-organization": `org-${n}`,
      "openai-project": `proj-${n}`,
      "x-user": `u${n}`,
      "x-forwarded-user": `u${n}`,
      "x-forwarded-for": `192.0.2.${n % 250}`,
      "user-agent": `agent/${n}`,
      "x-megallm-priority": "9",
    },
  }),
  (n) => ({ headers: { "idempotency-key": `i${n}-${crypto.randomUUID()}` } }),
  () => ({ body: { user: null } }),
  () => ({ body: { user: "" } }),
  () => ({ headers: { "x-megallm-tags": "" } }),
];

let count = 0;
async function ask(key: string, claim: (n: number) => Said, model = "up/gpt-4o"): Promise<number> {
  count += 1;
  const { body = {}, headers = {} } = claim(count);
  const answer = await gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({
      model,
      max_tokens: 5,
      messages: [{ role: "user", content: `Hi ${count}` }],
      ...body,
    }),
  });
  await answer.text();
  return answer.status;
}

const limit = (subject: string, amount: number, more: object = {}) =>
  administer(gateway, "POST", "/limits", {
    subject,
    unit: "requests",
    window: "hour",
    amount,
    ...more,
  });

/** So many pass, whatever is claimed; then none. */
async function holds(key: string, amount: number, models = ["up/gpt-4o"]): Promise<void> {
  const statuses: number[] = [];
  for (let at = 0; at < claims.length * 2; at += 1) {
    const claim = claims[at % claims.length] ?? (() => ({}));
    statuses.push(await ask(key, claim, models[at % models.length]));
  }
  const passed = statuses.slice(0, amount);
  expect(passed.filter((status) => status >= 429)).toEqual([]);
  expect(new Set(statuses.slice(amount))).toEqual(new Set([429]));
}

describe("S55 limits of", () => {
  test("a key", async () => {
    const { key, id } = await makeKey(gateway);
    await limit(`key:${id}`, 3);
    await holds(key, 3);
  });

  test("a team, over all of its keys", async () => {
    const team_id = await makeTeam(gateway);
    const [one, two] = [await makeKey(gateway, { team_id }), await makeKey(gateway, { team_id })];
    await limit(`team:${team_id}`, 3);
    await holds(one.key, 3);
    for (const claim of claims) expect(await ask(two.key, claim)).toBe(429);
  });

  test("a tag of the key's own, whatever tags a request has besides", async () => {
    const tag = crypto.randomUUID();
    const { key } = await makeKey(gateway, { tags: [tag] });
    await limit(`tag:${tag}`, 3);
    await holds(key, 3);
  });

  test("the gateway", async () => {
    const own = await startInProcess({
      providers: {
        up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
      },
      server: { require_key: "always" },
    });
    const before = gateway;
    gateway = own;
    try {
      const { key } = await makeKey(own);
      await limit("gateway", 3);
      await holds(key, 3);
    } finally {
      gateway = before;
      await own.close();
    }
  });

  test("a model, by whatever name it is asked for", async () => {
    const { key, id } = await makeKey(gateway);
    await limit(`key:${id}`, 3, { model: "up/gpt-4o" });
    await holds(key, 3, ["up/gpt-4o", "route", "nick", "wild-gpt-4o", "route:floor"]);
  });
});

test("S55 an end user's limit holds for that name; another name has its own, and none frees of the key's", async () => {
  const { key, id } = await makeKey(gateway);
  const user = crypto.randomUUID();
  await limit(`end_user:${user}`, 1);
  await limit(`key:${id}`, 3);
  expect(await ask(key, () => ({ body: { user } }))).toBe(200);
  expect(await ask(key, () => ({ body: { user } }))).toBe(429);
  // A refused request has taken nothing of the key's.
  expect(await ask(key, () => ({ body: { user: "another" } }))).toBe(200);
  expect(await ask(key, () => ({}))).toBe(200);
  for (const claim of claims) expect(await ask(key, claim)).toBe(429);
});

test("S55 a budget is not got around by any of it, nor a part of it by no name", async () => {
  const { key, id } = await makeKey(gateway);
  const subjects = [`key:${id}`];
  await administer(gateway, "POST", "/budgets", {
    name: `whole ${id}`,
    amount_usd: "0.02",
    window: "total",
    subjects,
  });
  await administer(gateway, "POST", "/budgets", {
    name: `each ${id}`,
    amount_usd: "0.004",
    window: "total",
    subjects,
    each: "end_user",
  });
  // Those that name nobody share one part.
  const statuses: number[] = [];
  for (let at = 0; at < 300 && statuses.at(-1) !== 402; at += 1)
    statuses.push(await ask(key, () => ({})));
  expect(statuses.at(0)).toBe(200);
  expect(statuses.at(-1)).toBe(402);
  expect(await ask(key, () => ({ body: { user: null } }))).toBe(402);
  expect(await ask(key, () => ({ body: { user: "" } }))).toBe(402);
  // Each name has its own part, until the whole is spent.
  let at = 0;
  while (at < 500 && (await ask(key, (n) => ({ body: { user: `u${n}` } }))) === 200) at += 1;
  expect(at).toBeGreaterThan(0);
  expect(at).toBeLessThan(500);
  for (const claim of claims) expect(await ask(key, claim)).toBe(402);
});

test("S55 the session of one key is nobody else's: what it is called leads no other key anywhere", async () => {
  const second = await startOpenAiUpstream();
  const own = await startInProcess({
    affinity: { enabled: true },
    providers: {
      one: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
      two: { type: "openai-compatible", base_url: second.baseUrl, api_key: second.key },
    },
    models: { route: { deployments: ["one/gpt-4o", "two/gpt-4o"], policy: "round-robin" } },
    server: { require_key: "always" },
  });
  const before = gateway;
  gateway = own;
  try {
    const [mine, other] = [await makeKey(own), await makeKey(own)];
    const providers = async (key: string): Promise<(string | null)[]> => {
      const found: (string | null)[] = [];
      for (let at = 0; at < 3; at += 1) {
        const answer = await own.fetch("/v1/chat/completions", {
          method: "POST",
          headers: {
            authorization: `Bearer ${key}`,
            "content-type": "application/json",
            "x-session-id": "the same",
          },
          body: JSON.stringify({ model: "route", messages: [{ role: "user", content: "Hi" }] }),
        });
        await answer.text();
        found.push(answer.headers.get("x-megallm-provider"));
      }
      return found;
    };
    const [first, then] = [await providers(mine.key), await providers(other.key)];
    expect(new Set(first).size).toBe(1);
    // Its own turn was next.
    expect(new Set(then).size).toBe(1);
    expect(then[0]).not.toBe(first[0] ?? null);
  } finally {
    gateway = before;
    await own.close();
    await second.stop();
  }
});
