// What a request may ask of its routing, at every door: JSON bodies, forms, and the upgrade to a realtime session.
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";

setDefaultTimeout(30_000);

interface Upstream {
  name: string;
  /** Statuses of the next answers, or silence. */
  next: (number | "hang")[];
  /** Bodies as they came. */
  bodies: string[];
  headers: Headers[];
  server: Bun.Server<undefined>;
}

function startUpstream(name: string): Upstream {
  const upstream: Upstream = {
    name,
    next: [],
    bodies: [],
    headers: [],
    server: Bun.serve({
      port: 0,
      idleTimeout: 0,
      async fetch(request, server): Promise<Response> {
        const { pathname } = new URL(request.url);
        upstream.bodies.push(await request.text());
        upstream.headers.push(request.headers);
        const status = upstream.next.shift() ?? 200;
        if (status === "hang") return new Promise<Response>(() => {});
        if (status !== 200) return Response.json({ error: { message: "no" } }, { status });
        if (server.upgrade(request)) return new Response(null);
        return answerTo(pathname);
      },
      websocket: { message() {} },
    }),
  };
  return upstream;
}

function answerTo(path: string): Response {
  const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 };
  const base = { id: "i", object: "o", created: 1, model: "m" };
  if (path.endsWith("/speech")) {
    return new Response("sound", { headers: { "content-type": "audio/mpeg" } });
  }
  if (path.endsWith("/embeddings")) {
    return Response.json({
      ...base,
      data: [{ object: "embedding", index: 0, embedding: [1] }],
      usage,
    });
  }
  if (path.endsWith("/rerank")) {
    return Response.json({ id: "i", results: [{ index: 0, relevance_score: 0.5 }] });
  }
  if (path.endsWith("/chat/completions")) {
    const message = { role: "assistant", content: "ok" };
    return Response.json({
      ...base,
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage,
    });
  }
  if (path.endsWith("/completions")) {
    return Response.json({
      ...base,
      choices: [{ index: 0, text: "ok", finish_reason: "stop" }],
      usage,
    });
  }
  return Response.json({
    ...base,
    created: 1,
    data: [{ b64_json: "aGk=" }],
    results: [],
    text: "ok",
  });
}

let one: Upstream;
let two: Upstream;
let gateway: InProcess;
const [free, bound] = ["key-of-a-free-one-01234567", "key-of-a-bound-one-0123456"];

beforeAll(async () => {
  [one, two] = [startUpstream("one"), startUpstream("two")];
  const at = ({ server }: Upstream, price: number) => ({
    type: "openai-compatible",
    base_url: `${server.url.origin}/v1`,
    api_key: "k",
    prices: { m: { input: price, output: price } },
  });
  gateway = await startInProcess({
    affinity: { enabled: true },
    providers: { one: at(one, 4), two: at(two, 1) },
    server: { require_key: "always" },
    keys: { free: { key: free }, bound: { key: bound, overrides: false } },
    models: {
      pair: {
        policy: "first",
        deployments: [
          { model: "one/m", tags: ["default"] },
          { model: "two/m", tags: ["paid"] },
        ],
      },
      placed: {
        policy: "first",
        deployments: [
          { model: "one/m", region: "us" },
          { model: "two/m", region: "eu-west-1" },
        ],
      },
      plain: { policy: "first", deployments: ["one/m", "two/m"] },
      alone: { deployments: ["one/m"] },
      turns: { policy: "round-robin", deployments: ["one/m", "two/m"] },
    },
  });
});
beforeEach(() => {
  for (const each of [one, two]) [each.next, each.bodies, each.headers] = [[], [], []];
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([one, two].map(({ server }) => server.stop(true)));
});

interface Asked {
  model: string;
  body?: object;
  headers?: Record<string, string>;
  key?: string;
  prefix?: string;
}
interface Door {
  name: string;
  kind: "json" | "form" | "socket";
  ask(asked: Asked): Promise<Response>;
}

const send = (path: string, { headers, key = free, prefix = "" }: Asked, body: string | FormData) =>
  gateway.fetch(`${prefix}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
  });

const jsonDoor = (name: string, path: string, own: object): Door => ({
  name,
  kind: "json",
  ask: (asked) => send(path, asked, JSON.stringify({ model: asked.model, ...own, ...asked.body })),
});

const formDoor = (name: string, path: string, file: string): Door => ({
  name,
  kind: "form",
  ask(asked) {
    const form = new FormData();
    form.append(file, new Blob(["0123456789"]), "a.bin");
    form.append("model", asked.model);
    for (const [field, value] of Object.entries(asked.body ?? {}))
      form.append(field, String(value));
    return send(path, asked, form);
  },
});

const bodyOf: Record<string, object> = {
  chat: { messages: [{ role: "user", content: "Hi" }] },
  completions: { prompt: "Once" },
  embeddings: { input: "Hi" },
  rerank: { query: "q", documents: ["a"] },
  moderations: { input: "Hi" },
  images: { prompt: "a dot" },
  speech: { input: "Hi", voice: "alloy" },
};

const doors: Door[] = [
  jsonDoor("chat", "/v1/chat/completions", bodyOf["chat"] ?? {}),
  jsonDoor("completions", "/v1/completions", bodyOf["completions"] ?? {}),
  jsonDoor("embeddings", "/v1/embeddings", bodyOf["embeddings"] ?? {}),
  jsonDoor("rerank", "/v1/rerank", bodyOf["rerank"] ?? {}),
  jsonDoor("moderations", "/v1/moderations", bodyOf["moderations"] ?? {}),
  jsonDoor("images", "/v1/images/generations", bodyOf["images"] ?? {}),
  jsonDoor("speech", "/v1/audio/speech", bodyOf["speech"] ?? {}),
  formDoor("image-edits", "/v1/images/edits", "image"),
  formDoor("image-variations", "/v1/images/variations", "image"),
  formDoor("transcriptions", "/v1/audio/transcriptions", "file"),
  formDoor("translations", "/v1/audio/translations", "file"),
  {
    name: "realtime",
    kind: "socket",
    async ask({ model, headers, key = free }) {
      const url = `http://127.0.0.1:6342/v1/realtime?model=${encodeURIComponent(model)}`;
      const opened = await gateway.gateway.upgrade(
        new Request(url, { headers: { authorization: `Bearer ${key}`, ...headers } }),
      );
      if (opened === null || opened instanceof Response) return opened ?? new Response();
      opened.closed(1000, "");
      return new Response(null, { headers: opened.headers });
    },
  },
];

const whose = (answer: Response): string | null => answer.headers.get("x-megallm-provider");
const told = (answer: Response): string[] =>
  (JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]") as { field: string }[]).map(
    ({ field }) => field,
  );

/** What is asked of whom, and who answers; `fails`: the first of them does. */
const byHeader: [string, Omit<Asked, "key">, { fails?: boolean }][] = [
  ["x-megallm-policy", { model: "plain", headers: { "x-megallm-policy": "lowest-cost" } }, {}],
  [
    "x-megallm-fallbacks",
    { model: "alone", headers: { "x-megallm-fallbacks": "two/m" } },
    { fails: true },
  ],
  ["x-megallm-tags", { model: "pair", headers: { "x-megallm-tags": "paid" } }, {}],
  ["x-litellm-tags", { model: "pair", headers: { "x-litellm-tags": "paid" } }, {}],
  ["x-megallm-region", { model: "placed", headers: { "x-megallm-region": "eu" } }, {}],
  [":floor", { model: "plain:floor" }, {}],
];
const byBody: typeof byHeader = [
  ["models", { model: "alone", body: { models: ["two/m"] } }, { fails: true }],
  ["fallbacks", { model: "alone", body: { fallbacks: [{ model: "two/m" }] } }, { fails: true }],
  ["tags", { model: "pair", body: { tags: ["paid"] } }, {}],
  ["metadata.tags", { model: "pair", body: { metadata: { tags: ["paid"] } } }, {}],
  ["provider.sort", { model: "plain", body: { provider: { sort: "price" } } }, {}],
  ["provider.order", { model: "plain", body: { provider: { order: ["two"] } } }, {}],
  ["provider.only", { model: "plain", body: { provider: { only: ["two"] } } }, {}],
  ["provider.ignore", { model: "plain", body: { provider: { ignore: ["one"] } } }, {}],
  ["provider.max_price", { model: "plain", body: { provider: { max_price: { prompt: 2 } } } }, {}],
  [
    "provider.require_parameters",
    { model: "plain", body: { provider: { require_parameters: true, order: ["two"] } } },
    {},
  ],
];

describe.each(doors.map((door) => [door.name, door] as const))("%s", (name, door) => {
  test("without any wish the first answers", async () => {
    const answer = await door.ask({ model: "plain" });
    expect([answer.status < 300, whose(answer), told(answer)]).toEqual([true, "one", []]);
  });

  test.each(byHeader)("%s", async (_, asked, { fails }) => {
    if (fails) one.next = [500];
    const answer = await door.ask(asked);
    expect([answer.status < 300, whose(answer)]).toEqual([true, "two"]);
    expect([...(two.headers.at(-1)?.keys() ?? [])].join()).not.toContain("x-megallm");
  });

  test("x-megallm-timeout-ms ends it", async () => {
    one.next = ["hang"];
    const answer = await door.ask({ model: "alone", headers: { "x-megallm-timeout-ms": "50" } });
    expect([answer.status, await answer.text()]).toEqual([
      504,
      expect.stringContaining("x-megallm-timeout-ms"),
    ]);
  });

  test(":nitro is no part of the name", async () => {
    const answer = await door.ask({ model: "alone:nitro" });
    expect([answer.status < 300, answer.headers.get("x-megallm-model")]).toEqual([true, "m"]);
  });

  test.each(["x-megallm-retries", "x-litellm-num-retries"])("%s", async (header) => {
    one.next = [500];
    const answer = await door.ask({ model: "alone", headers: { [header]: "1" } });
    expect([answer.status < 300, answer.headers.get("x-megallm-attempts")]).toEqual([true, "2"]);
  });

  test("a session stays where it was, unless that is switched off", async () => {
    const headers = { "x-session-id": `session of ${name}` };
    const ask = async (more: Record<string, string> = {}) =>
      whose(await door.ask({ model: "turns", headers: { ...headers, ...more } }));
    const first = await ask();
    expect([await ask(), await ask(), await ask()]).toEqual([first, first, first]);
    const off = { "x-megallm-affinity": "off" };
    expect(new Set([await ask(off), await ask(off)]).size).toBe(2);
  });

  test.each([
    ["x-megallm-policy", "constructor"],
    ["x-megallm-timeout-ms", "0"],
    ["x-megallm-retries", "-1"],
    ["x-megallm-region", "../.."],
    ["x-megallm-fallbacks", "a,,b"],
  ])("%s: %s is refused by name, and nothing is sent", async (header, value) => {
    const answer = await door.ask({ model: "plain", headers: { [header]: value } });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(header)]);
    expect(one.bodies).toEqual([]);
  });

  test("nobody in the region: 400", async () => {
    const answer = await door.ask({ model: "placed", headers: { "x-megallm-region": "ap" } });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("region")]);
  });

  test.each(door.kind === "json" ? [...byHeader, ...byBody] : byHeader)(
    "a key that forbids overrides forbids %s",
    async (wish, asked) => {
      const answer = await door.ask({ ...asked, key: bound });
      // Tags in the metadata are for accounts, too: such a key may send them, and does not choose by them.
      const isLabel = wish === "metadata.tags";
      expect([answer.status, whose(answer)]).toEqual(isLabel ? [200, "one"] : [403, "none"]);
      expect(two.bodies).toEqual([]);
    },
  );
});

describe.each(
  doors.filter(({ kind }) => kind === "json").map((door) => [door.name, door] as const),
)("the body of %s", (name, door) => {
  test.each(byBody)("%s, and it leaves without it", async (_, asked, { fails }) => {
    if (fails) one.next = [500];
    const answer = await door.ask(asked);
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    expect(JSON.parse(two.bodies.at(-1) ?? "")).toEqual({ model: "m", ...bodyOf[name] });
  });

  test("models alone will do", async () => {
    const body = { ...bodyOf[name], model: undefined, models: ["two/m", "one/m"] };
    const answer = await door.ask({ model: "", body });
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
  });

  test("num_retries asks the same one again", async () => {
    one.next = [500];
    const answer = await door.ask({ model: "alone", body: { num_retries: 1 } });
    expect([answer.status, answer.headers.get("x-megallm-attempts")]).toEqual([200, "2"]);
  });

  test("allow_fallbacks: false asks nobody else", async () => {
    one.next = [500];
    const body = { provider: { allow_fallbacks: false } };
    expect((await door.ask({ model: "plain", body })).status).toBe(502);
    expect(two.bodies).toEqual([]);
  });

  test("timeout, in seconds", async () => {
    one.next = ["hang"];
    expect((await door.ask({ model: "alone", body: { timeout: 0.05 } })).status).toBe(504);
  });

  test("what cannot be read is refused by name, what cannot be met is told", async () => {
    const faulty = await door.ask({ model: "plain", body: { provider: { order: 1 } } });
    expect([faulty.status, await faulty.text()]).toEqual([
      400,
      expect.stringContaining("provider.order"),
    ]);
    const answer = await door.ask({ model: "plain", body: { provider: { zdr: true } } });
    expect([answer.status, told(answer)]).toEqual([200, ["provider.zdr"]]);
  });
});

describe("what a door cannot do is told", () => {
  const doorOf = (name: string): Door => {
    const door = doors.find((each) => each.name === name);
    if (!door) throw new Error(name);
    return door;
  };

  test.each(["image-edits", "transcriptions"])("fields of a form, at %s", async (name) => {
    const body = { num_retries: 2, "provider[only][]": "two" };
    const answer = await doorOf(name).ask({ model: "plain", body });
    expect([whose(answer), told(answer)]).toEqual(["one", ["num_retries", "provider"]]);
  });

  test("limits on a realtime session", async () => {
    const headers = {
      "x-megallm-first-token-timeout-ms": "900",
      "x-megallm-idle-timeout-ms": "900",
    };
    const answer = await doorOf("realtime").ask({ model: "plain", headers });
    expect([whose(answer), told(answer)]).toEqual(["one", Object.keys(headers)]);
  });

  test("the first content of a stream that is not read", async () => {
    const headers = { "x-megallm-first-token-timeout-ms": "60000" };
    const asked = { model: "plain", headers, body: { stream_format: "sse" } };
    expect(told(await doorOf("speech").ask(asked))).toEqual(Object.keys(headers));
  });

  const inVain = { "x-megallm-policy": "lowest-cost", "x-megallm-fallbacks": "two/m" };

  test.each(["chat", "embeddings", "speech", "transcriptions"])(
    "%s at a provider's own path: its body is the provider's, its time and region hold",
    async (name) => {
      const own = { prefix: "/providers/one", model: "m" };
      const told1 = await doorOf(name).ask({ ...own, headers: inVain });
      expect([whose(told1), told(told1)]).toEqual(["one", Object.keys(inVain)]);
      const elsewhere = await doorOf(name).ask({ ...own, headers: { "x-megallm-region": "eu" } });
      expect(elsewhere.status).toBe(400);
      expect((await doorOf(name).ask({ ...own, headers: inVain, key: bound })).status).toBe(403);
      one.next = ["hang"];
      const late = await doorOf(name).ask({ ...own, headers: { "x-megallm-timeout-ms": "50" } });
      expect(late.status).toBe(504);
    },
  );

  test("files and whatever else is passed through", async () => {
    const upload = (headers: Record<string, string>, key = free) => {
      const form = new FormData();
      form.append("purpose", "batch");
      form.append("file", new Blob(["{}"]), "a.jsonl");
      return gateway.fetch("/providers/one/v1/files", {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, ...headers },
        body: form,
      });
    };
    const answer = await upload(inVain);
    expect([answer.status, told(answer)]).toEqual([200, Object.keys(inVain)]);
    expect((await upload({ "x-megallm-region": "eu" })).status).toBe(400);
    expect((await upload(inVain, bound)).status).toBe(403);
    one.next = ["hang"];
    expect((await upload({ "x-megallm-timeout-ms": "50" })).status).toBe(504);
  });
});
