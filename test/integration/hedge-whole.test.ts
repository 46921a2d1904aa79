// Races for a whole answer: who wins, what becomes of the loser, what both cost, and what is never raced.
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { silentLogger } from "../../src/lib/log.ts";
import { createTraffic } from "../../src/pipeline/traffic.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { administer, makeKey } from "../support/virtual-keys.ts";

setDefaultTimeout(30_000);

interface Upstream {
  name: string;
  paths: string[];
  aborts: number;
  /** How it answers: after so many ms, never, or with a status. */
  next: ("hang" | { ms: number; status?: number })[];
  server: Bun.Server<undefined>;
}

/** Answers everything. */
function startUpstream(name: string): Upstream {
  const upstream: Upstream = {
    name,
    paths: [],
    aborts: 0,
    next: [],
    server: Bun.serve({
      port: 0,
      idleTimeout: 0,
      async fetch(request): Promise<Response> {
        const { pathname } = new URL(request.url);
        await request.json();
        upstream.paths.push(pathname);
        request.signal.addEventListener("abort", () => (upstream.aborts += 1));
        const step = upstream.next.shift() ?? { ms: 0 };
        if (step === "hang") return new Promise<Response>(() => {});
        await Bun.sleep(step.ms);
        if (step.status)
          return Response.json({ error: { message: "no" } }, { status: step.status });
        return Response.json(answerTo(pathname, name));
      },
    }),
  };
  return upstream;
}

function answerTo(path: string, name: string): object {
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
  if (path.endsWith("/embeddings")) {
    const data = [{ object: "embedding", index: 0, embedding: [0.5, 0.25] }];
    return { object: "list", model: "m", data, usage: { prompt_tokens: 100, total_tokens: 100 } };
  }
  if (path.endsWith("/rerank")) {
    return {
      id: name,
      results: [{ index: 0, relevance_score: 0.5 }],
      usage: { total_tokens: 100 },
    };
  }
  if (path.endsWith("/images/generations")) {
    return {
      created: 1,
      data: [{ b64_json: "aGk=" }],
      usage: { input_tokens: 5, output_tokens: 7, total_tokens: 12 },
    };
  }
  const base = { id: name, created: 1, model: "m", usage };
  if (path.endsWith("/chat/completions")) {
    const message = { role: "assistant", content: name };
    return {
      ...base,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: "stop" }],
    };
  }
  return {
    ...base,
    object: "text_completion",
    choices: [{ index: 0, text: name, finish_reason: "stop" }],
  };
}

let one: Upstream;
let two: Upstream;
let gateway: InProcess;
const traffic = createTraffic(silentLogger);

beforeAll(async () => {
  [one, two] = [startUpstream("one"), startUpstream("two")];
  const at = ({ server }: Upstream, price: number) => ({
    type: "openai-compatible",
    base_url: `${server.url.origin}/v1`,
    api_key: "k",
    prices: { m: { input: price, output: price } },
  });
  const deployments = [
    { model: "one/m", order: 1 },
    { model: "two/m", order: 2 },
  ];
  const soon = { whole_after: "40ms", max_extra_spend: 1 };
  gateway = await startInProcess(
    {
      providers: { one: at(one, 1), two: at(two, 3) },
      models: {
        raced: { policy: "first", deployments, hedge: soon },
        capped: { policy: "first", deployments, hedge: { ...soon, max_extra_spend: 0 } },
        usual: { policy: "first", deployments, hedge: { max_extra_spend: 1 } },
        streams: { policy: "first", deployments, hedge: { ...soon, whole_after: "off" } },
        acting: { policy: "first", deployments, hedge: { ...soon, with_effects: true } },
      },
    },
    { traffic },
  );
  // What requests have cost is what races may cost a share of.
  for (const model of ["raced", "capped", "usual", "streams", "acting"]) {
    for (let turn = 0; turn < 20; turn += 1) await (await chat(model)).text();
  }
  await gateway.idle();
});
beforeEach(() => {
  for (const each of [one, two]) [each.paths, each.next, each.aborts] = [[], [], 0];
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([one, two].map(({ server }) => server.stop(true)));
});

const messages = [{ role: "user", content: "How is the weather in the town by the sea today?" }];
const post = (
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Response> =>
  gateway.fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
const chat = (model: string, more: object = {}, headers: Record<string, string> = {}) =>
  post("/v1/chat/completions", { model, messages, ...more }, headers);
const whose = (answer: Response): string | null => answer.headers.get("x-megallm-provider");

const bodies: [string, string, object][] = [
  ["chat", "/v1/chat/completions", { messages }],
  ["chat in another wire", "/v1/messages", { messages, max_tokens: 50 }],
  ["responses", "/v1/responses", { input: "Hi" }],
  ["completions", "/v1/completions", { prompt: "Once upon a time there was a gateway" }],
  ["embeddings", "/v1/embeddings", { input: ["a text to be embedded"] }],
  ["rerank", "/v1/rerank", { query: "what is it?", documents: ["one", "two"] }],
];

describe.each(bodies)("%s", (_, path, body) => {
  test("the second answers, the first is stopped and paid for", async () => {
    one.next = ["hang"];
    const answer = await post(path, { model: "raced", ...body });
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    const { usage, attempts } = await gateway.recorded(answer);
    expect(usage).toMatchObject({ status: "ok", provider: "two", attempts: 2 });
    expect(attempts.map(({ provider, status }) => [provider, status])).toEqual([
      ["one", "client_closed"],
      ["two", "ok"],
    ]);
    // Its input was sent, and is on record at its own price.
    const [lost, won] = attempts.map(({ costNanos }) => costNanos ?? 0n);
    expect(lost).toBeGreaterThan(0n);
    expect(usage.costNanos).toBe((lost ?? 0n) + (won ?? 0n));
    while (one.aborts === 0) await Bun.sleep(5);
  });

  test("the first may still win", async () => {
    one.next = [{ ms: 300 }];
    two.next = ["hang"];
    const answer = await post(path, { model: "raced", ...body });
    expect([answer.status, whose(answer)]).toEqual([200, "one"]);
    const { usage, attempts } = await gateway.recorded(answer);
    expect(usage).toMatchObject({ status: "ok", provider: "one", attempts: 2 });
    expect(attempts.map(({ status }) => status)).toEqual(["ok", "client_closed"]);
    while (two.aborts === 0) await Bun.sleep(5);
  });
});

test("a second one that fails leaves the first its chance, and the other way round", async () => {
  one.next = [{ ms: 300 }];
  two.next = [{ ms: 0, status: 500 }];
  expect(whose(await chat("raced"))).toBe("one");
  one.next = [{ ms: 200, status: 500 }];
  two.next = [{ ms: 400 }];
  const answer = await chat("raced");
  expect(whose(answer)).toBe("two");
  const { attempts } = await gateway.recorded(answer);
  expect(attempts.map(({ status }) => status)).toEqual(["error", "ok"]);
});

test("both come at once: one answer, one row, and nobody is left under way", async () => {
  for (let round = 0; round < 30; round += 1) {
    one.next = [{ ms: 60 }];
    two.next = [{ ms: 20 }];
    const answer = await chat("raced");
    const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
    const { usage, attempts } = await gateway.recorded(answer);
    // Whose text it is, whose name the header has, and whose row it is are one.
    expect([choices[0]?.message.content, usage.provider]).toEqual([
      whose(answer) ?? "",
      whose(answer),
    ]);
    expect(attempts.filter(({ status }) => status === "ok")).toHaveLength(1);
    const prices = attempts.map(({ costNanos }) => costNanos ?? 0n);
    expect(usage.costNanos).toBe(prices.reduce((sum, each) => sum + each, 0n));
  }
  while (["one/m", "two/m"].some((id) => traffic.stats.of(id).inFlight > 0)) await Bun.sleep(5);
});

test("after the deployment's own p95 of whole answers, once it is known", async () => {
  while (traffic.stats.wholeP95("one/m") === null) await (await chat("usual")).text();
  one.next = ["hang"];
  expect(whose(await chat("usual"))).toBe("two");
  // Streams count for themselves.
  expect(traffic.stats.firstTokenP95("one/m")).toBeNull();
});

describe("a budget holds what both may cost", () => {
  const keyWith = async (amount_usd: string) => {
    const { id, key } = await makeKey(gateway);
    const budget = await administer(gateway, "POST", "/budgets", {
      name: `of ${id}`,
      amount_usd,
      window: "total",
      subjects: [`key:${id}`],
    });
    const headers = { authorization: `Bearer ${key}` };
    return {
      budget: String(budget["id"]),
      ask: () => chat("raced", { max_tokens: 16 }, headers),
    };
  };
  const stateOf = async (budget: string) => {
    const found = await gateway.store.directory.budgets.get(budget);
    const [state] = await gateway.store.accounts.states([`${budget}@${found?.createdMs ?? 0}`]);
    return state;
  };

  test("who can pay for one alone is not raced", async () => {
    const { ask } = await keyWith("0.0007");
    one.next = [{ ms: 250 }];
    expect(whose(await ask())).toBe("one");
    expect(two.paths).toEqual([]);
  });

  test("who could not pay for both besides is asked when the first one fails", async () => {
    const { ask } = await keyWith("0.001");
    one.next = [{ ms: 250, status: 500 }];
    const answer = await ask();
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    expect(two.paths).toHaveLength(1);
  });

  test("who can pay for both is, and nothing stays held", async () => {
    const { budget, ask } = await keyWith("0.007");
    one.next = ["hang"];
    const answer = await ask();
    expect(whose(answer)).toBe("two");
    const { usage } = await gateway.recorded(answer);
    while ((await stateOf(budget))?.heldNanos !== 0n) await Bun.sleep(5);
    expect((await stateOf(budget))?.spentNanos).toBe(usage.costNanos ?? -1n);
  });
});

describe("no race", () => {
  const alone = async (answer: Response): Promise<void> => {
    expect([answer.status, whose(answer)]).toEqual([200, "one"]);
    expect(two.paths).toEqual([]);
  };

  test.each([
    ["beyond the cap on what losers may cost", "capped", {}, {}],
    ["where the route races streams alone", "streams", {}, {}],
    ["with an Idempotency-Key", "raced", {}, { "idempotency-key": "once" }],
    ["where the caller allows one attempt", "raced", {}, { "x-megallm-max-attempts": "1" }],
    ["with tools that the provider runs", "raced", { tools: [{ type: "web_search_preview" }] }, {}],
    ["with servers that the provider calls", "raced", { mcp_servers: [{ name: "a" }] }, {}],
  ] as [string, string, object, Record<string, string>][])(
    "%s",
    async (_, model, more, headers) => {
      one.next = [{ ms: 250 }];
      await alone(await chat(model, more, headers));
    },
  );

  test("for an answer in the background", async () => {
    one.next = [{ ms: 250 }];
    await alone(await post("/v1/responses", { model: "raced", input: "Hi", background: true }));
  });

  test("for moderations and pictures", async () => {
    one.next = [{ ms: 250 }, { ms: 250 }];
    await alone(await post("/v1/moderations", { model: "raced", input: "Hi" }));
    await alone(await post("/v1/images/generations", { model: "raced", prompt: "a dot" }));
  });

  test("with what the client's own function tools do", async () => {
    one.next = ["hang"];
    const tools = [
      { type: "function", function: { name: "look", parameters: { type: "object" } } },
    ];
    expect(whose(await chat("raced", { tools }))).toBe("two");
  });
});

describe("where the operator says so", () => {
  test("what a provider may act on is raced", async () => {
    one.next = ["hang"];
    expect(whose(await chat("acting", { mcp_servers: [{ name: "a" }] }))).toBe("two");
  });

  test("so are pictures, and the loser is on record", async () => {
    one.next = ["hang"];
    const answer = await post("/v1/images/generations", { model: "acting", prompt: "a dot" });
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    expect(await answer.json()).toMatchObject({ data: [{ b64_json: "aGk=" }] });
    const { attempts } = await gateway.recorded(answer);
    expect(attempts.map(({ status }) => status)).toEqual(["client_closed", "ok"]);
    while (one.aborts === 0) await Bun.sleep(5);
  });

  test("pictures that are streamed are not", async () => {
    one.next = [{ ms: 250 }];
    const body = { model: "acting", prompt: "a dot", stream: true };
    expect(whose(await post("/v1/images/generations", body))).toBe("one");
    expect(two.paths).toEqual([]);
  });
});
