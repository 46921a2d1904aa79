// Alerts of budgets: each told once however many requests there are, delivered signed, and harmless where nobody listens.
import { afterEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../../src/store/store.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { until } from "../support/until.ts";

const secret = "a-webhook-secret-of-enough-characters";
const key = "key-of-the-test-0123456789";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Received {
  headers: Headers;
  body: string;
}

/** A receiver of webhooks that answers as told. */
function receiver(answer: (count: number) => Response | Promise<Response> = () => new Response()) {
  const received: Received[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      received.push({ headers: request.headers, body: await request.text() });
      return answer(received.length);
    },
  });
  ends.push(() => server.stop(true));
  return { received, url: `http://127.0.0.1:${server.port}/hook/never-print?token=hidden` };
}

/** Each request costs a cent, neither more nor less. */
const config = (over: { webhook?: string; budget?: object; secret?: string } = {}) => ({
  keys: {
    app: { key, budget: over.budget ?? { amount: 1, alert_at: ["50%", "80%", "100%"] } },
  },
  providers: { demo: {} },
  prices: { "demo/*": { input: 0, output: 0, request: "0.01" } },
  ...(over.webhook !== undefined && {
    alerts: { webhook: { url: over.webhook, secret: over.secret ?? secret } },
  }),
});

async function start(...parameters: Parameters<typeof startInProcess>): Promise<InProcess> {
  const running = await startInProcess(...parameters);
  ends.push(async () => {
    running.gateway.drain();
    await running.close();
  });
  return running;
}

async function ask(running: InProcess, user = "ann"): Promise<number> {
  const answer = await running.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/echo", user, messages: [{ role: "user", content: "Hi" }] }),
  });
  await answer.text();
  return answer.status;
}

const askMany = (running: InProcess, count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => ask(running)));

const alertsOf = async (store: Store) => (await store.alerts.list({ limit: 500 })).rows;

const deliveredOf = async (store: Store): Promise<number> =>
  (await alertsOf(store)).filter(({ deliveredMs }) => deliveredMs !== null).length;

const what = ({ share, kind }: { share: number | null; kind: string }): string | number =>
  share ?? kind;

describe("once", () => {
  test("200 requests at once on a budget that pays 100: three thresholds and one refusal, each once", async () => {
    const { received, url } = receiver();
    const running = await start(config({ webhook: url }));
    const statuses = await askMany(running, 200);
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 402)).toHaveLength(100);
    await until(async () => (await deliveredOf(running.store)) === 4);
    // More of the same tells nothing new.
    await askMany(running, 20);
    await running.idle();
    await Bun.sleep(150);
    const alerts = await alertsOf(running.store);
    expect(alerts.map(what).map(String).toSorted()).toEqual(["0.5", "0.8", "1", "refused"]);
    expect(received).toHaveLength(4);
    expect(new Set(received.map(({ headers }) => headers.get("webhook-id")))).toEqual(
      new Set(alerts.map(({ id }) => id)),
    );
    const logged = running.lines.filter((line) =>
      /"event":"budget\.(?:threshold|refused)"/.test(line),
    );
    expect(logged).toHaveLength(4);
    console.log(`alerts: 220 requests, ${alerts.length} alerts, ${received.length} posted`);
  });

  test("two gateways on one database tell it once, and one of them posts it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "megallm-alerts-"));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "megallm.db");
    const { received, url } = receiver();
    const one = await start(config({ webhook: url }), { store: await openStore({ path }) });
    const two = await start(config({ webhook: url }), { store: await openStore({ path }) });
    await Promise.all([askMany(one, 60), askMany(two, 60)]);
    await until(async () => (await deliveredOf(one.store)) === 4);
    await Bun.sleep(150);
    expect((await alertsOf(two.store)).map(what).map(String).toSorted()).toEqual([
      "0.5",
      "0.8",
      "1",
      "refused",
    ]);
    expect(received).toHaveLength(4);
  });

  test("a budget for each end user has alerts for each", async () => {
    const running = await start({ ...config({ budget: { amount: 100 } }) });
    await running.store.directory.budgets.create(
      {
        name: "guests",
        amountNanos: 20_000_000n,
        window: "1d",
        subjects: [{ kind: "gateway", id: "" }],
        each: "end_user",
        thresholds: [0.5],
      },
      { actor: "admin" },
    );
    expect([
      await ask(running, "ann"),
      await ask(running, "ann"),
      await ask(running, "bob"),
    ]).toEqual([200, 200, 200]);
    expect(await ask(running, "ann")).toBe(402);
    await until(async () => (await alertsOf(running.store)).length === 3);
    const alerts = await alertsOf(running.store);
    expect(alerts.map((alert) => `${alert.of} ${what(alert)}`).toSorted()).toEqual([
      "ann 0.5",
      "ann refused",
      "bob 0.5",
    ]);
  });

  test("without thresholds nothing is told but a refusal", async () => {
    const running = await start(config({ budget: { amount: "0.02", alert_at: [] } }));
    expect([await ask(running), await ask(running), await ask(running)]).toEqual([200, 200, 402]);
    await until(async () => (await alertsOf(running.store)).length > 0);
    await Bun.sleep(150);
    expect((await alertsOf(running.store)).map(what)).toEqual(["refused"]);
  });
});

describe("the webhook", () => {
  test.each([
    ["plain", secret, secret as string | Buffer],
    ["whsec_", `whsec_${Buffer.alloc(24, 7).toString("base64")}`, Buffer.alloc(24, 7)],
  ])("%s secret: the signature is what a receiver computes", async (_name, written, bytes) => {
    const { received, url } = receiver();
    const running = await start(
      config({ webhook: url, secret: written, budget: { amount: "0.01", alert_at: ["80%"] } }),
    );
    await ask(running);
    await until(() => received.length === 1);
    const [{ headers, body } = { headers: new Headers(), body: "" }] = received;
    const [id, seconds] = [headers.get("webhook-id"), headers.get("webhook-timestamp")];
    const signed = createHmac("sha256", bytes).update(`${id}.${seconds}.${body}`).digest("base64");
    expect(headers.get("webhook-signature")).toBe(`v1,${signed}`);
    expect(Math.abs(Date.now() / 1000 - Number(seconds))).toBeLessThan(60);
    const [alert] = await alertsOf(running.store);
    expect(JSON.parse(body)).toEqual({
      type: "budget.threshold",
      timestamp: new Date(alert?.atMs ?? 0).toISOString(),
      data: {
        id: alert?.id,
        message: "The budget `app` has reached 80 %: $0.01 of $0.01 is spent.",
        budget: { id: "config:key:app", name: "app", amount_usd: "0.010000000", window: "total" },
        of: null,
        share: 0.8,
        spent_usd: "0.010000000",
        held_usd: "0.000000000",
        window_start_ms: 0,
        window_end_ms: null,
      },
    });
  });

  test("one that fails is tried again, and its address is in no log", async () => {
    const { received, url } = receiver(
      (count) => new Response("no", { status: count < 3 ? 500 : 204 }),
    );
    const running = await start(
      config({ webhook: url, budget: { amount: "0.01", alert_at: ["80%"] } }),
    );
    await ask(running);
    await until(async () => (await deliveredOf(running.store)) === 1);
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect((await alertsOf(running.store))[0]).toMatchObject({ tries: 3, nextMs: null });
    const lines = running.lines.join("");
    expect(lines).toContain("alert.not_delivered");
    for (const hidden of [secret, "never-print", "token=hidden"])
      expect(lines).not.toContain(hidden);
  });

  test("a redirect is not followed", async () => {
    const other = receiver();
    const { received, url } = receiver(() => Response.redirect(other.url, 307));
    const running = await start(
      config({ webhook: url, budget: { amount: "0.01", alert_at: ["80%"] } }),
    );
    await ask(running);
    await until(() => received.length >= 2);
    expect(other.received).toEqual([]);
    expect(await deliveredOf(running.store)).toBe(0);
  });

  test.each([
    ["refuses connections", "http://127.0.0.1:9/hook"],
    ["never answers", null],
  ])("one that %s keeps no request waiting", async (_name, address) => {
    const silent = receiver(() => new Promise<Response>(() => {}));
    const running = await start(config({ webhook: address ?? silent.url }));
    const statuses = await askMany(running, 150);
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    await running.idle();
    await until(async () => (await alertsOf(running.store)).length === 4);
    await until(async () => (await alertsOf(running.store)).some(({ tries }) => tries > 0));
    expect(await deliveredOf(running.store)).toBe(0);
    await running.store.flush();
  });

  test("what was not delivered is after a restart", async () => {
    const folder = mkdtempSync(join(tmpdir(), "megallm-alerts-"));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "megallm.db");
    const budget = { amount: "0.01", alert_at: ["80%"] };
    const first = await startInProcess(config({ webhook: "http://127.0.0.1:9/hook", budget }), {
      store: await openStore({ path }),
    });
    await ask(first);
    // While it is being posted it is nobody else's for half a minute: only then it failed.
    const isSoon = (nextMs: number | null): boolean => (nextMs ?? Infinity) < Date.now() + 10_000;
    await until(async () =>
      (await alertsOf(first.store)).some(({ tries, nextMs }) => tries > 0 && isSoon(nextMs)),
    );
    first.gateway.drain();
    await first.close();
    const { received, url } = receiver();
    const second = await start(config({ webhook: url, budget }), {
      store: await openStore({ path }),
    });
    await until(async () => (await deliveredOf(second.store)) === 1);
    expect(received).toHaveLength(1);
  });
});

describe("the administration API", () => {
  const get = async (running: InProcess, path: string, as = adminKey) => {
    const headers = { authorization: `Bearer ${as}` };
    const answer = await running.fetch(`/admin/v1${path}`, { headers });
    // oxlint-disable-next-line typescript/no-explicit-any
    return { status: answer.status, body: (await answer.json()) as any };
  };

  test("lists alerts, and how much is spent, of the configuration's budgets too", async () => {
    const running = await start(
      config({ budget: { amount: "0.02", window: "1d", alert_at: ["50%"] } }),
    );
    await askMany(running, 3);
    await until(async () => (await alertsOf(running.store)).length === 2);
    const { body } = await get(running, "/alerts?since_ms=0&limit=1");
    expect(body.data).toHaveLength(1);
    const rest = await get(running, `/alerts?limit=1&cursor=${body.next}`);
    expect(rest.body.next).toBeNull();
    const both = [...body.data, ...rest.body.data];
    expect(both.find(({ kind }) => kind === "refused")).toMatchObject({
      budget_id: "config:key:app",
      budget_name: "app",
      amount_usd: "0.020000000",
      delivery: "none",
      message: expect.stringContaining("`app` cannot pay for it"),
    });
    expect((await get(running, "/alerts?budget_id=other")).body.data).toEqual([]);
    expect((await get(running, "/alerts?cursor=x")).status).toBe(400);
    expect((await get(running, "/alerts", key)).status).not.toBe(200);

    const spending = await get(running, "/spending");
    expect(spending.body.data).toMatchObject([
      {
        budget_id: "config:key:app",
        origin: "configuration",
        subjects: ["key:config:app"],
        accounts: [
          { of: null, spent_usd: "0.020000000", held_usd: "0.000000000", left_usd: "0.000000000" },
        ],
      },
    ]);
    expect((await get(running, "/spending?budget_id=config:key:app")).body.data).toHaveLength(1);
    expect((await get(running, "/spending?budget_id=config:key:other")).body.data).toEqual([]);
    expect((await get(running, "/spending?subject=key:config:app")).body.data).toHaveLength(1);
    expect((await get(running, "/spending?subject=gateway")).body.data).toEqual([]);
    expect((await get(running, "/spending?subject=nonsense")).status).toBe(400);
  });
});
