// What a request says of how it is routed: headers, fields of other routers' clients, name endings, and what models can do.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type InProcess, startInProcess } from "../support/in-process.ts";

interface Upstream {
  name: string;
  server: Bun.Server<undefined>;
  bodies: string[];
  headers: Headers[];
  /** Statuses of the next answers; `hang`: never. */
  next: (number | "hang" | "stall")[];
}

function startUpstream(name: string): Upstream {
  const upstream: Upstream = {
    name,
    bodies: [],
    headers: [],
    next: [],
    server: Bun.serve({
      port: 0,
      idleTimeout: 0,
      async fetch(request) {
        const text = await request.text();
        upstream.bodies.push(text);
        upstream.headers.push(request.headers);
        const status = upstream.next.shift() ?? 200;
        if (status === "hang") return new Promise<Response>(() => {});
        const base = { id: "c", object: "chat.completion", created: 1, model: "m" };
        if (status === "stall") {
          const chunk = { ...base, choices: [{ index: 0, delta: { content: "o" } }] };
          return new Response(
            new ReadableStream({
              start: (c) => c.enqueue(Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`)),
            }),
            { headers: { "content-type": "text/event-stream" } },
          );
        }
        if (status !== 200) return Response.json({ error: { message: "no" } }, { status });
        if (request.url.endsWith("/messages")) {
          return Response.json({
            id: "msg",
            type: "message",
            role: "assistant",
            model: "m",
            content: [{ type: "text", text: "ok" }],
            stop_reason: "end_turn",
            usage: { input_tokens: 1, output_tokens: 1 },
          });
        }
        const message = { role: "assistant", content: "ok" };
        return Response.json({
          ...base,
          choices: [{ index: 0, message, finish_reason: "stop" }],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        });
      },
    }),
  };
  return upstream;
}

let all: Upstream[];
let gateway: InProcess;

const named = (name: string): Upstream => {
  const found = all.find((each) => each.name === name);
  if (!found) throw new Error(name);
  return found;
};

beforeEach(async () => {
  all = ["one", "two", "router", "openai", "claude"].map(startUpstream);
  const at = (name: string) => `${named(name).server.url.origin}/v1`;
  const compatible = (name: string) => ({
    type: "openai-compatible",
    base_url: at(name),
    api_key: "k",
  });
  gateway = await startInProcess({
    health: { enabled: true },
    affinity: { enabled: true },
    providers: {
      one: { ...compatible("one"), prices: { m: { input: 4, output: 8 } } },
      two: { ...compatible("two"), prices: { m: { input: 1, output: 2 } } },
      router: { type: "openrouter", base_url: at("router"), api_key: "k" },
      openai: { type: "openai", base_url: at("openai"), api_key: "k" },
      claude: { type: "anthropic", base_url: named("claude").server.url.origin, api_key: "k" },
    },
    models: {
      pair: { deployments: [{ model: "one/m" }, { model: "two/m" }] },
      alone: { deployments: [{ model: "one/m" }] },
      backed: { deployments: [{ model: "one/m" }], fallbacks: ["two/m"] },
      sight: { deployments: [{ model: "openai/gpt-3.5-turbo" }, { model: "openai/gpt-4o" }] },
      blind: { deployments: [{ model: "openai/gpt-3.5-turbo" }, { model: "openai/o3-mini" }] },
      mixed: { deployments: [{ model: "claude/claude-sonnet-4-5" }, { model: "one/m" }] },
      outside: { deployments: [{ model: "router/openai/gpt-4o" }, { model: "one/m" }] },
      "kept:floor": { deployments: [{ model: "two/kept" }] },
    },
  });
});
afterEach(async () => {
  await gateway.close();
  await Promise.all(all.map(({ server }) => server.stop(true)));
});

const messages = [{ role: "user", content: "Hi" }];
const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
  gateway.fetch("/v1/chat/completions", { method: "POST", headers, body });
const ask = (
  model: string,
  body: object = {},
  headers: Record<string, string> = {},
): Promise<Response> => post(JSON.stringify({ model, messages, ...body }), headers);
const whose = (answer: Response): string | null => answer.headers.get("x-megallm-provider");
const lastBody = (name: string): Record<string, unknown> =>
  JSON.parse(named(name).bodies.at(-1) ?? "null");

describe("fallbacks", () => {
  const ways: [string, object, Record<string, string>][] = [
    ["OpenRouter's models", { models: ["two/m"] }, {}],
    ["LiteLLM's fallbacks", { fallbacks: ["two/m"] }, {}],
    ["LiteLLM's fallbacks as objects", { fallbacks: [{ model: "two/m" }] }, {}],
    ["the header", {}, { "x-megallm-fallbacks": " two/m , one/other" }],
  ];
  test.each(ways)("%s: the next answers, and it sees nothing of them", async (_, body, headers) => {
    named("one").next = [500];
    const answer = await ask("alone", body, headers);
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    expect(lastBody("two")).toEqual({ model: "m", messages });
    expect([...(named("two").headers[0]?.keys() ?? [])].join()).not.toContain("megallm-f");
  });

  test("models alone will do", async () => {
    const answer = await post(JSON.stringify({ models: ["two/m", "one/m"], messages }));
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    expect(lastBody("two")).toEqual({ model: "m", messages });
  });

  test("the request's own stand before the operator's", async () => {
    named("one").next = [500, 500];
    const answer = await ask("backed", { models: ["openai/gpt-4o"] });
    expect(whose(answer)).toBe("openai");
  });

  test("a name that is not served is passed over and told", async () => {
    const answer = await ask("alone", { models: ["nobody-has-this"] });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-megallm-warnings")).toContain("nobody-has-this");
    expect((await ask("nobody-has-this", { models: ["alone"] })).status).toBe(200);
    expect((await ask("nobody-has-this", { models: ["nor-this"] })).status).toBe(404);
  });
});

describe("the order", () => {
  test.each([
    ["x-megallm-policy", {}, { "x-megallm-policy": "lowest-cost" }],
    ["sort: price", { provider: { sort: "price" } }, {}],
    ["order", { provider: { order: ["unknown", "Two"] } }, {}],
    ["only", { provider: { only: ["two"] } }, {}],
    ["ignore", { provider: { ignore: ["one"] } }, {}],
  ] as [string, object, Record<string, string>][])("%s", async (_, body, headers) => {
    expect(whose(await ask("pair"))).toBe("one");
    // Twice: nobody's turn decides.
    expect(whose(await ask("pair", body, headers))).toBe("two");
    expect(whose(await ask("pair", body, headers))).toBe("two");
    expect(lastBody("two")).toEqual({ model: "m", messages });
  });

  test(":floor is the cheapest, and a name that is served as written stays", async () => {
    expect(whose(await ask("pair:floor"))).toBe("two");
    expect((await ask("one/m:nitro")).status).toBe(200);
    expect(lastBody("one")["model"]).toBe("m");
    await ask("kept:floor");
    expect(lastBody("two")["model"]).toBe("kept");
    await ask("router/openai/gpt-4o:floor");
    expect(lastBody("router")["model"]).toBe("openai/gpt-4o:floor");
  });

  test("allow_fallbacks: false is one provider", async () => {
    named("one").next = [500];
    expect((await ask("pair", { provider: { allow_fallbacks: false } })).status).toBe(502);
    expect(named("two").bodies).toEqual([]);
  });

  test("max_price leaves out what is known to cost more; nobody left is told", async () => {
    expect(whose(await ask("pair", { provider: { max_price: { prompt: 2 } } }))).toBe("two");
    const answer = await ask("pair", { provider: { max_price: { completion: "0.5" } } });
    expect([answer.status, await answer.text()]).toEqual([
      400,
      expect.stringContaining("excludes every provider"),
    ]);
  });

  test("require_parameters: who takes all of it goes first", async () => {
    expect(whose(await ask("mixed", { seed: 7 }))).toBe("claude");
    const answer = await ask("mixed", { seed: 7, provider: { require_parameters: true } });
    expect(whose(answer)).toBe("one");
  });

  test("num_retries asks the same deployment again", async () => {
    named("one").next = [500, 500];
    const answer = await ask("alone", { num_retries: 2 });
    expect([answer.status, answer.headers.get("x-megallm-attempts")]).toEqual([200, "3"]);
  });
});

describe("what leaves", () => {
  test("everything else is left as it is, byte for byte", async () => {
    await post(
      `{ "model":"alone",  "provider" : {"order":["two"]},\n "temperature": 0.10, "messages": [ {"role":"user","content":"H\\u00ef"} ] , "num_retries":0, "usage":{"include":true} }`,
    );
    expect(named("one").bodies).toEqual([
      `{ "model":"m",  "temperature": 0.10, "messages": [ {"role":"user","content":"H\\u00ef"} ] }`,
    ]);
  });

  test("whoever routes itself gets its own fields", async () => {
    const provider = { only: ["deepinfra"], quantizations: ["fp8"] };
    const own = { provider, usage: { include: true }, models: ["vendor/their-own"] };
    const answer = await ask("outside", { ...own, num_retries: 0 });
    expect([whose(answer), answer.headers.get("x-megallm-warnings")]).toEqual(["router", null]);
    expect(lastBody("router")).toEqual({ model: "openai/gpt-4o", messages, ...own });
  });

  test("but not what names the gateway's providers and models", async () => {
    await ask("outside", { provider: { order: ["router", "one"] }, models: ["one/m"] });
    expect(lastBody("router")).toEqual({ model: "openai/gpt-4o", messages });
  });

  test("what cannot be met is told", async () => {
    const answer = await ask("alone", { tags: ["free"], provider: { zdr: true } });
    const told = JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]") as {
      field: string;
    }[];
    expect(told.map(({ field }) => field)).toEqual(["tags", "provider.zdr"]);
  });

  test("Responses clients may say the same", async () => {
    const answer = await gateway.fetch("/v1/responses", {
      method: "POST",
      body: JSON.stringify({ model: "pair", input: "Hi", provider: { only: ["two"] }, tags: null }),
    });
    expect([answer.status, whose(answer)]).toEqual([200, "two"]);
    expect([lastBody("two")["provider"], lastBody("two")["tags"]]).toEqual([undefined, undefined]);
    expect(answer.headers.get("x-megallm-warnings") ?? "").not.toContain("provider");
  });

  test("a conversation goes on, whatever is wished", async () => {
    const say = async (body: object) => {
      const answer = await gateway.fetch("/v1/responses", {
        method: "POST",
        body: JSON.stringify({ model: "pair", input: "Hi", provider: { only: ["two"] }, ...body }),
      });
      return (await answer.json()) as { id: string; previous_response_id: string | null };
    };
    const { id } = await say({});
    expect((await say({ previous_response_id: id })).previous_response_id).toBe(id);
    expect(lastBody("two")["messages"]).toHaveLength(3);
  });

  test("another wire's fields of the same name are its own", async () => {
    const answer = await gateway.fetch("/v1/messages", {
      method: "POST",
      body: JSON.stringify({ model: "claude/claude-sonnet-4-5", max_tokens: 5, messages, tags: 1 }),
    });
    expect(answer.status).toBe(200);
    expect(lastBody("claude")["tags"]).toBe(1);
  });
});

describe("time", () => {
  const soon = { "x-megallm-timeout-ms": "30" };

  test("a request ends by its own limit, and no deployment rests for it", async () => {
    for (let at = 0; at < 20; at += 1) {
      named("one").next = ["hang"];
      const answer = await ask("pair", {}, soon);
      expect([answer.status, await answer.text()]).toEqual([
        504,
        expect.stringContaining("x-megallm-timeout-ms"),
      ]);
    }
    expect(whose(await ask("pair"))).toBe("one");
    expect(named("two").bodies).toEqual([]);
  });

  test("so does a stream", async () => {
    named("one").next = ["stall"];
    const answer = await ask("alone", { stream: true }, soon);
    expect(await answer.text()).toContain("x-megallm-timeout-ms");
  });
});

describe("what cannot be read is refused by name", () => {
  test.each([
    ["x-megallm-policy", {}, { "x-megallm-policy": "constructor" }],
    ["x-megallm-timeout-ms", {}, { "x-megallm-timeout-ms": "-1" }],
    ["x-megallm-fallbacks", {}, { "x-megallm-fallbacks": "a,,b" }],
    ["models", { models: "two/m" }, {}],
    ["models", { models: [1] }, {}],
    ["fallbacks", { fallbacks: [{ model: null }] }, {}],
    ["fallbacks", { fallbacks: Array.from({ length: 21 }, () => "a") }, {}],
    ["num_retries", { num_retries: 0.5 }, {}],
    ["tags", { tags: {} }, {}],
    ["usage", { usage: 1 }, {}],
    ["provider", { provider: "one" }, {}],
    ["provider.order", { provider: { order: "one" } }, {}],
    ["provider.sort", { provider: { sort: "toString" } }, {}],
    ["provider.max_price.prompt", { provider: { max_price: { prompt: -1 } } }, {}],
    ["provider.allow_fallbacks", { provider: { allow_fallbacks: 1 } }, {}],
  ] as [string, object, Record<string, string>][])("%s %j %j", async (name, body, headers) => {
    const answer = await ask("alone", body, headers);
    expect([
      answer.status,
      ((await answer.json()) as { error: { param: string } }).error.param,
    ]).toEqual([400, name]);
    expect(named("one").bodies).toEqual([]);
  });

  test("no value of any field breaks the gateway", async () => {
    const names = ["models", "provider", "fallbacks", "num_retries", "tags", "usage"];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names, "provider.order", "provider.sort", "provider.max_price"),
        fc.json({ maxDepth: 3 }),
        async (path, json) => {
          const [name = "", inner] = path.split(".");
          const value = inner === undefined ? json : `{"${inner}":${json},"__proto__":${json}}`;
          const answer = await post(
            `{"model":"alone","messages":[{"role":"user","content":"Hi"}],"${name}":${value}}`,
          );
          expect([200, 400]).toContain(answer.status);
          await answer.text();
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("what a model cannot do", () => {
  const image = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
  const withImage = { messages: [{ role: "user", content: [image] }] };

  test("a model that is known not to see is passed over for an image, and for nothing else", async () => {
    await ask("sight");
    expect(lastBody("openai")["model"]).toBe("gpt-3.5-turbo");
    await ask("sight", { messages: [{ role: "user", content: "Draw me an image of audio." }] });
    expect(lastBody("openai")["model"]).toBe("gpt-3.5-turbo");
    await ask("sight", withImage);
    expect(lastBody("openai")["model"]).toBe("gpt-4o");
  });

  test("so is one whose context is too short", async () => {
    await ask("sight", { messages: [{ role: "user", content: "word ".repeat(30_000) }] });
    expect(lastBody("openai")["model"]).toBe("gpt-4o");
  });

  test("where none can, all are tried, and that is told", async () => {
    const answer = await ask("blind", withImage);
    expect(answer.status).toBe(200);
    expect(lastBody("openai")["model"]).toBe("gpt-3.5-turbo");
    expect(answer.headers.get("x-megallm-warnings")).toContain("(images)");
  });

  test("what nobody knows excludes nobody", async () => {
    const answer = await ask("pair", withImage);
    expect([whose(answer), answer.headers.get("x-megallm-warnings")]).toEqual(["one", null]);
  });
});
