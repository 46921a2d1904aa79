// What is found in the environment and on local ports, against servers that answer truthfully, falsely or never.
import { afterAll, describe, expect, test } from "bun:test";
import {
  discoverEnvironment,
  discoverLocal,
  type LocalFind,
} from "../../../src/providers/discover.ts";
import { providers } from "../../../src/providers/index.ts";

test("variables that are set, by provider", () => {
  const env = {
    OPENAI_API_KEY: "sk",
    GOOGLE_API_KEY: "g",
    GROQ_API_KEY: "  ",
    TOGETHERAI_API_KEY: "t",
    TOGETHER_API_KEY: "",
  };
  expect(discoverEnvironment(env, providers)).toEqual([
    { provider: "openai", variable: "OPENAI_API_KEY" },
    { provider: "gemini", variable: "GOOGLE_API_KEY" },
    { provider: "together", variable: "TOGETHERAI_API_KEY" },
  ]);
});

type Answer = (request: Request) => Response | Promise<Response>;

const list =
  (owner: string | undefined, ...ids: string[]): Answer =>
  () =>
    Response.json({
      object: "list",
      data: ids.map((id) => ({ id, object: "model", owned_by: owner })),
    });

/** Finds what `ports` answer; the others refuse the connection. */
async function find(
  ports: Record<number, Answer>,
  env: Record<string, string> = {},
): Promise<[string, string, string[]][]> {
  const asked: string[] = [];
  const found = await discoverLocal({
    env,
    timeoutMs: 100,
    async fetch(url, init) {
      asked.push(url);
      expect(init.redirect).toBe("manual");
      const answer = ports[Number(new URL(url).port)];
      if (!answer) throw new TypeError("connection refused");
      return answer(new Request(url, init));
    },
  });
  expect(asked.every((url) => url.endsWith("/models"))).toBe(true);
  return found.map(({ provider, baseUrl, models }: LocalFind) => [provider, baseUrl, models]);
}

describe("local servers", () => {
  test("each on its own port", async () => {
    const found = await find({
      11434: list("library", "qwen3:8b", "llama3.2:latest"),
      1234: list("organization_owner", "gemma"),
      8000: list("vllm", "meta/llama"),
      8080: list("llamacpp", "model.gguf"),
      30000: list("sglang", "qwen"),
      1337: list("jan", "jan-v1"),
    });
    expect(found).toEqual([
      ["ollama", "http://127.0.0.1:11434/v1", ["qwen3:8b", "llama3.2:latest"]],
      ["lm_studio", "http://127.0.0.1:1234/v1", ["gemma"]],
      ["vllm", "http://127.0.0.1:8000/v1", ["meta/llama"]],
      ["llama_cpp", "http://127.0.0.1:8080/v1", ["model.gguf"]],
      ["sglang", "http://127.0.0.1:30000/v1", ["qwen"]],
      ["jan", "http://127.0.0.1:1337/v1", ["jan-v1"]],
    ]);
  });

  test("the owner tells servers on a shared port apart", async () => {
    expect(await find({ 8080: list(undefined, "gpt-4") })).toEqual([
      ["localai", "http://127.0.0.1:8080/v1", ["gpt-4"]],
    ]);
    expect(await find({ 8080: list("vllm", "m") })).toEqual([
      ["vllm", "http://127.0.0.1:8080/v1", ["m"]],
    ]);
    expect(await find({ 8000: list("sglang", "m") })).toEqual([
      ["sglang", "http://127.0.0.1:8000/v1", ["m"]],
    ]);
    expect(await find({ 8000: list("vllm", "a"), 8080: list("vllm", "b") })).toEqual([
      ["vllm", "http://127.0.0.1:8000/v1", ["a"]],
    ]);
  });

  test("an Ollama without models", async () => {
    const none: Answer = () => Response.json({ object: "list", data: null });
    expect(await find({ 11434: none, 8080: none })).toEqual([
      ["ollama", "http://127.0.0.1:11434/v1", []],
    ]);
  });

  test.each<[string, Answer]>([
    ["HTML", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["another JSON", () => Response.json({ status: "ok" })],
    ["a bare list", () => Response.json([{ id: "m", object: "model" }])],
    [
      "things that are no models",
      () =>
        Response.json({ object: "list", data: [{ id: "m", object: "file", owned_by: "vllm" }] }),
    ],
    ["names with control characters", list("vllm", "a\u001b[31m")],
    ["an unknown owner", list("somebody", "m")],
    ["nothing to tell by", list(undefined)],
    ["an error", () => Response.json({ object: "list", data: [] }, { status: 401 })],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "http://169.254.169.254/" } }),
    ],
    [
      "more than a megabyte",
      () => new Response(" ".repeat(1_100_000) + '{"object":"list","data":[]}'),
    ],
    ["too many models", list("vllm", ...Array.from({ length: 1_001 }, (_, index) => `m${index}`))],
  ])("is not trusted: %s", async (_name, answer) => {
    expect(await find({ 8000: answer, 8080: answer })).toEqual([]);
  });

  test("silence ends at the deadline", async () => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Promise<Response>(() => {}),
    });
    afterAll(() => server.stop(true));
    const started = performance.now();
    const found = await discoverLocal({
      env: {},
      timeoutMs: 100,
      fetch: (_url, init) => fetch(server.url, init),
    });
    expect(found).toEqual([]);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test("a body that never ends, too", async () => {
    const endless: Answer = () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            await Bun.sleep(20);
            controller.enqueue(new TextEncoder().encode(" "));
          },
        }),
      );
    const started = performance.now();
    expect(await find({ 8000: endless })).toEqual([]);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test.each([
    ["", "http://127.0.0.1:11434/v1"],
    ["0.0.0.0", "http://127.0.0.1:11434/v1"],
    ["0.0.0.0:9999", "http://127.0.0.1:9999/v1"],
    [":9999", "http://127.0.0.1:9999/v1"],
    ["[::]:9999", "http://127.0.0.1:9999/v1"],
    ["gpu.lan", "http://gpu.lan:11434/v1"],
    ["http://gpu.lan:80/", "http://gpu.lan:80/v1"],
    ["https://ollama.example", "https://ollama.example/v1"],
    ["user@host", "http://127.0.0.1:11434/v1"],
  ])("OLLAMA_HOST=%s", async (host, baseUrl) => {
    const asked: string[] = [];
    await discoverLocal({
      env: { OLLAMA_HOST: host },
      async fetch(url) {
        asked.push(url);
        throw new TypeError("connection refused");
      },
    });
    expect(asked[0]).toBe(`${baseUrl}/models`);
  });
});
