// Races, answers that are gone on with, retries, limits and clients that leave, all at once: afterwards nothing is left over, and every account is right.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { backgroundFailures } from "../../src/lib/background.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createTraffic, type Traffic } from "../../src/pipeline/traffic.ts";
import { createRandom, type Random } from "../../src/routing/random.ts";
import type { UsageRow } from "../../src/store/store.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { repeats } from "../support/numbers.ts";
import { type SoakUpstream, startSoakUpstream, wholeAnswer } from "../support/soak-upstream.ts";

/** `SOAK_SECONDS=60` for a long one. */
const seconds = repeats("SOAK_SECONDS", 5);
const perSecond = 60;

let upstreams: SoakUpstream[];
let traffic: Traffic;
let running: InProcess;
let url: string;

const deployments = ["one/m", "two/m", "three/m"];

beforeAll(async () => {
  const random = createRandom(7);
  upstreams = [
    startSoakUpstream("openai", random),
    startSoakUpstream("openai", random),
    startSoakUpstream("anthropic", random),
  ];
  const [one, two, three] = upstreams.map((upstream) => upstream.url);
  const prices = { m: { input: "2", output: "8" } };
  const own = { api_key: "k", prices };
  const tiers = { policy: "round-robin", deployments };
  const hedge = { after: "60ms", max_extra_spend: 1 };
  traffic = createTraffic(silentLogger);
  running = await startInProcess(
    {
      providers: {
        one: { type: "openai-compatible", base_url: `${one}/v1`, ...own },
        two: { type: "openai-compatible", base_url: `${two}/v1`, ...own },
        three: { type: "anthropic", base_url: three, ...own },
      },
      models: {
        raced: { ...tiers, hedge },
        lasting: { ...tiers, on_midstream_failure: "continue" },
        both: { ...tiers, hedge, on_midstream_failure: "continue" },
        narrow: {
          policy: "first",
          on_midstream_failure: "continue",
          hedge,
          deployments: deployments.map((model) => ({ model, max_concurrent: 3 })),
          fallbacks: ["both"],
        },
      },
      health: { enabled: true },
      retry: { retries: 1 },
      server: { max_concurrent: 100 },
      queue: { max: 20, max_wait: "300ms" },
    },
    { traffic, pacing: { openEarlyMs: 120, keepAliveMs: 30, holdMs: 100 } },
  );
  url = `http://127.0.0.1:${(await running.listen()).port}`;
});

afterAll(async () => {
  await running.close();
  for (const upstream of upstreams) await upstream.stop();
});

/** How each client's wire asks, and what text is in what it gets. */
const clients = [
  {
    path: () => "/v1/chat/completions",
    body: (model: string, stream: boolean) => ({
      model,
      stream,
      messages: [{ role: "user", content: "Say it." }],
    }),
    ends: "[DONE]",
    text: /"content":("(?:[^"\\]|\\.)*")/g,
  },
  {
    path: () => "/v1/messages",
    body: (model: string, stream: boolean) => ({
      model,
      stream,
      max_tokens: 1_000,
      messages: [{ role: "user", content: "Say it." }],
    }),
    ends: '"message_stop"',
    text: /"text":\s?("(?:[^"\\]|\\.)*")/g,
  },
  {
    path: (model: string, stream: boolean) =>
      `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: () => ({ contents: [{ role: "user", parts: [{ text: "Say it." }] }] }),
    ends: '"finishReason":"STOP"',
    text: /"text":\s?("(?:[^"\\]|\\.)*")/g,
  },
];

type Ending = "whole" | "wrong" | "failed" | "left";
interface Told {
  id: string | null;
  ending: Ending;
  text: string;
}

async function ask(random: Random): Promise<Told> {
  const client = clients[Math.floor(random() * clients.length)] ?? clients[0];
  const model = ["raced", "lasting", "both", "narrow"][Math.floor(random() * 4)] ?? "both";
  const stream = random() < 0.85;
  const leavesAfterMs = random() < 0.2 ? random() * 400 : null;
  const left = new AbortController();
  const timer = leavesAfterMs === null ? undefined : setTimeout(() => left.abort(), leavesAfterMs);
  let id: string | null = null;
  let got = "";
  try {
    const answer = await fetch(url + client!.path(model, stream), {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": "k" },
      body: JSON.stringify(client!.body(model, stream)),
      signal: left.signal,
    });
    id = answer.headers.get("x-request-id");
    const decoder = new TextDecoder();
    for await (const piece of answer.body ?? []) got += decoder.decode(piece, { stream: true });
    const text = [...got.matchAll(client!.text)].map(([, json]) => JSON.parse(json!)).join("");
    const isWhole = answer.status === 200 && (!stream || got.includes(client!.ends));
    if (!isWhole) return { id, ending: "failed", text: got };
    if (text === wholeAnswer) return { id, ending: "whole", text: "" };
    return { id, ending: "wrong", text: got };
  } catch (error) {
    if (left.signal.aborted) return { id, ending: "left", text: "" };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function allRows(): Promise<UsageRow[]> {
  const rows: UsageRow[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await running.store.requests({ limit: 1_000, ...(cursor && { cursor }) });
    rows.push(...page.rows);
    if (!page.next) return rows;
    cursor = page.next;
  }
}

const heapMb = (): number => {
  Bun.gc(true);
  return process.memoryUsage().heapUsed / 1_048_576;
};

test(
  `${seconds} s of it`,
  async () => {
    const failures = backgroundFailures();
    const random = createRandom(11);
    const asked: Promise<Told>[] = [];
    const heaps: number[] = [];
    const began = performance.now();
    while (performance.now() - began < seconds * 1_000) {
      const passed = performance.now() - began;
      while (asked.length < (passed * perSecond) / 1_000) asked.push(ask(random));
      if (heaps.length < Math.floor(passed / 5_000)) heaps.push(heapMb());
      await Bun.sleep(5);
    }
    const told = await Promise.all(asked);
    await running.idle();
    const until = performance.now() + 25_000;
    const isQuiet = (): boolean => upstreams.every(({ open }) => open === 0);
    while (!isQuiet() && performance.now() < until) await Bun.sleep(10);
    heaps.push(heapMb());

    const counts: Record<string, number> = {};
    for (const { ending } of told) counts[ending] = (counts[ending] ?? 0) + 1;
    expect(told.filter(({ ending }) => ending === "wrong")).toEqual([]);
    expect(counts["whole"] ?? 0).toBeGreaterThan(told.length / 2);

    expect(running.gateway.inFlight).toBe(0);
    expect(traffic.gates.snapshot()).toEqual({ waiting: 0, inside: {} });
    expect(deployments.map((id) => traffic.stats.of(id).inFlight)).toEqual([0, 0, 0]);
    expect(upstreams.map(({ open }) => open)).toEqual([0, 0, 0]);
    expect(backgroundFailures()).toBe(failures);

    const rows = await allRows();
    const byId = new Map(rows.map((row) => [row.requestId, row]));
    expect(byId.size).toBe(rows.length);
    expect(rows.length).toBeLessThanOrEqual(asked.length);
    const ids = told.flatMap(({ id }) => id ?? []);
    expect(ids.filter((id) => !byId.has(id))).toEqual([]);
    const whole = told.filter(({ ending }) => ending === "whole");
    expect(whole.filter(({ id }) => byId.get(id ?? "")?.status !== "ok")).toEqual([]);

    let [raced, goneOn, sent] = [0, 0, 0];
    for (const row of rows) {
      const { attempts } = (await running.store.request(row.requestId)) ?? { attempts: [] };
      expect(attempts).toHaveLength(row.attempts);
      const sum = (read: (each: (typeof attempts)[number]) => number | undefined): number =>
        attempts.reduce((total, each) => total + (read(each) ?? 0), 0);
      expect(row.inputTokens).toBe(sum((each) => each.inputTokens));
      expect(row.outputTokens).toBe(sum((each) => each.outputTokens));
      const cost = attempts.reduce((total, each) => total + (each.costNanos ?? 0n), 0n);
      expect(row.costNanos ?? 0n).toBe(cost);
      const statuses = attempts.map(({ status }) => status);
      if (row.status === "ok") {
        expect(statuses.filter((status) => status === "ok")).toHaveLength(1);
        if (statuses.includes("client_closed")) raced += 1;
        if (attempts.length > 1 && row.firstTokenMs !== null) {
          const [first] = attempts;
          if (first?.status === "error" && (first.outputTokens ?? 0) > 0) goneOn += 1;
        }
      }
      sent += attempts.length;
    }
    expect(raced).toBeGreaterThan(0);
    expect(goneOn).toBeGreaterThan(0);
    expect(sent).toBeGreaterThanOrEqual(upstreams.reduce((total, { count }) => total + count, 0));
    if (seconds > 20) {
      const shown = heaps.map((mb) => mb.toFixed(0)).join(" ");
      console.log(
        JSON.stringify(counts),
        `raced ${raced}, gone on with ${goneOn}, heap ${shown} MB`,
      );
      // What the test itself keeps, and no more.
      expect((heaps.at(-1) ?? 0) - (heaps[1] ?? 0)).toBeLessThan(10);
    }
  },
  (seconds + 30) * 1_000,
);
