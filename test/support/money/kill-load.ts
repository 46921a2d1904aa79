// Clients with budgets whose gateways are killed under them, and what they remember of it.
import { configuredPrices, createMoneyUpstream, type MoneyUpstream, planText } from "./upstream.ts";

/** How far a request had come when it broke off. */
type Phase = "not sent" | "sent" | "first byte" | "last byte";

export interface KillLoad {
  upstream: MoneyUpstream;
  /** Text of a megallm.yaml; without `store` the ledger is a file. */
  config(store?: string): string;
  /** Request id and plan of every answer that was whole. */
  acknowledged: Map<string, string>;
  phases: Record<Phase, number>;
  /** Answers by status, and refusals by status and code: `503 unavailable`. Planned failures are not among them. */
  answers: Map<string, number>;
  /** Whole answers and 503s by the gateway's URL. */
  served: Map<string, number>;
  unavailable: Map<string, number>;
  readonly made: number;
  /** Begins; what it gives ends it and waits for the last answer. Clients take the gateways in turn. */
  start(urls: () => readonly string[]): () => Promise<void>;
  /** One streamed request that hangs after its first word until it is left. */
  hang(url: string, key: KeyName): { status: Promise<number>; leave(): Promise<void> };
  /** Of an account's id the limit in nano-dollars. */
  limitOf(accountId: string): bigint;
  stop(): Promise<void>;
}

/** Dollars. Two are used up in the course of a test. */
const budgets = { ada: "1000", bob: "1000", cyd: "0.02", dee: "0.005", eve: "1000" };
const whole = "2000";
type KeyName = keyof typeof budgets;
const secretOf = (name: string): string => `key-of-${name}-0123456789`;
const nanosOf = (dollars: string): bigint => BigInt(Math.round(Number(dollars) * 1e9));

const steps = ["ok", "ok", "drip:1", "drip:3", "slow:10", "half:3", "500", "quiet"];
const clients = 12;
/** Whom nobody answers asks again, but not at once, ms. */
const pauseMs = 5;

/** @param places how many requests at once a fifth key may have, `eve`, which is there only then. */
export function createKillLoad(places?: number): KillLoad {
  const keys = (Object.keys(budgets) as KeyName[]).filter(
    (name) => name !== "eve" || places !== undefined,
  );
  const upstream = createMoneyUpstream();
  const seen = new Set<string>();
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      const copy = request.clone();
      const [, id] = /\\"id\\":\\"([^"\\]+)/.exec(await copy.text()) ?? [];
      if (id !== undefined) seen.add(id);
      try {
        return await upstream.answer(request);
      } catch {
        return new Response("broken", { status: 502 });
      }
    },
  });
  const acknowledged = new Map<string, string>();
  const phases: Record<Phase, number> = { "not sent": 0, sent: 0, "first byte": 0, "last byte": 0 };
  const [answers, served, unavailable] = [
    new Map<string, number>(),
    new Map<string, number>(),
    new Map<string, number>(),
  ];
  const count = (counts: Map<string, number>, name: string): void =>
    void counts.set(name, (counts.get(name) ?? 0) + 1);
  let made = 0;

  const post = (url: string, key: string, body: object, signal?: AbortSignal): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${secretOf(key)}` },
      body: JSON.stringify({ model: "openai/cheap", max_tokens: 20, ...body }),
      ...(signal && { signal }),
    });

  const ask = async (url: string, turn: number): Promise<void> => {
    made += 1;
    const id = `k${made}`;
    const step = steps[made % steps.length] ?? "ok";
    const content = planText({ id, say: 12, steps: [step] });
    const key = keys[made % keys.length] ?? "ada";
    const stream = turn % 3 > 0;
    let phase: Phase = "not sent";
    try {
      const answer = await post(url, key, { stream, messages: [{ role: "user", content }] });
      phase = "first byte";
      const text = await answer.text();
      phase = "last byte";
      if (answer.status === 200 && (!stream || text.includes("[DONE]"))) {
        acknowledged.set(answer.headers.get("x-request-id") ?? "", id);
        count(served, url);
      }
      if (answer.status === 503) {
        count(unavailable, url);
        await Bun.sleep(pauseMs);
      }
      if (step !== "500") count(answers, String(answer.status));
    } catch {
      phases[phase === "not sent" && seen.has(id) ? "sent" : phase] += 1;
      await Bun.sleep(pauseMs);
    }
  };

  return {
    upstream,
    acknowledged,
    phases,
    answers,
    served,
    unavailable,
    get made() {
      return made;
    },
    config: (store) =>
      JSON.stringify({
        ...(store !== undefined && { store }),
        providers: {
          openai: {
            type: "openai-compatible",
            base_url: `http://127.0.0.1:${server.port}/v1`,
            api_key: "k",
          },
        },
        discover: { models: false },
        health: { enabled: false },
        prices: configuredPrices,
        budgets: { gateway: whole },
        keys: Object.fromEntries(
          keys.map((name) => [
            name,
            {
              key: secretOf(name),
              budget: budgets[name],
              ...(name === "eve" && { limits: { parallel: places } }),
            },
          ]),
        ),
      }),
    start(urls) {
      let running = true;
      const lane = async (number: number): Promise<void> => {
        for (let turn = number; running; turn += 1) {
          const now = urls();
          await ask(now[turn % now.length] ?? "", turn);
        }
      };
      const load = Array.from({ length: clients }, (_unused, number) => lane(number));
      return async () => {
        running = false;
        await Promise.all(load);
      };
    },
    hang(url, key) {
      const left = new AbortController();
      made += 1;
      const content = planText({ id: `k${made}`, say: 12, steps: ["hang:1"] });
      const messages = [{ role: "user", content }];
      const answer = post(url, key, { stream: true, messages }, left.signal);
      return {
        status: answer.then(({ status }) => status),
        async leave() {
          left.abort();
          await answer.then((given) => given.text()).catch(() => "");
        },
      };
    },
    limitOf(accountId) {
      const [budget = ""] = accountId.split("@");
      const name = keys.find((each) => budget === `config:key:${each}`);
      return nanosOf(name ? budgets[name] : whole);
    },
    stop: () => server.stop(true),
  };
}
