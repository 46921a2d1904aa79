// The first minute: the executable in an empty folder, no configuration, and official SDKs as clients.
import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import type { JsonObject } from "../../src/lib/json.ts";

let daemon: Daemon;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  daemon = await startDaemon();
  openai = new OpenAI({ apiKey: "any", baseURL: `${daemon.url}/v1`, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: "any", baseURL: daemon.url, maxRetries: 0 });
});
afterAll(() => daemon.dispose());

const weather = {
  name: "get_weather",
  description: "The weather in a city",
  schema: {
    type: "object" as const,
    properties: { city: { type: "string" }, unit: { enum: ["C", "F"] } },
    required: ["city", "unit"],
    additionalProperties: false,
  },
};

test("the banner says what is served, where, and how to try it", async () => {
  // Requests may be answered before the pipe is read.
  while (!daemon.output().includes("OPENAI_BASE_URL=")) await Bun.sleep(5);
  const text = daemon.output();
  expect(text).toContain(daemon.url);
  expect(text).toContain("demo");
  expect(text).toContain("curl ");
  expect(text).toContain("OPENAI_BASE_URL=");
  expect(text).toContain(daemon.dataDir);
});

describe("models are listed in the shape that each family of clients reads", () => {
  const get = async (path: string, headers: Record<string, string> = {}): Promise<JsonObject> => {
    const answer = await fetch(`${daemon.url}${path}`, { headers });
    expect(answer.status).toBe(200);
    return (await answer.json()) as JsonObject;
  };

  test.each([
    ["OpenAI's", "/v1/models", {}, "data", "id", "demo/echo"],
    ["OpenAI's", "/models", {}, "data", "id", "demo/echo"],
    ["Anthropic's", "/v1/models", { "anthropic-version": "2023-06-01" }, "data", "id", "demo/echo"],
    ["Google's", "/v1/models", { "x-goog-api-key": "any" }, "models", "name", "models/demo/echo"],
    ["Google's", "/v1beta/models", {}, "models", "name", "models/demo/echo"],
    ["Ollama's", "/api/tags", {}, "models", "name", "demo/echo"],
  ] as const)("%s: GET %s", async (_family, path, headers, list, field, name) => {
    const found = (await get(path, headers))[list] as JsonObject[];
    expect(found.map((model) => model[field])).toContain(name);
  });

  test("an editor that looks for Ollama finds models with tools, and talks to them", async () => {
    const { version } = await get("/api/version");
    expect(Bun.semver.satisfies(String(version), ">=0.13.4")).toBe(true);
    const { models } = await get("/api/tags");
    const [first] = models as JsonObject[];
    const shown = await fetch(`${daemon.url}/api/show`, {
      method: "POST",
      body: JSON.stringify({ model: first?.["model"] }),
    });
    expect(await shown.json()).toMatchObject({
      capabilities: expect.arrayContaining(["completion", "tools"]),
      model_info: { "general.architecture": expect.any(String) },
    });
    expect(await get("/api/ps")).toEqual({ models: [] });
    const said = await fetch(`${daemon.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({
        model: first?.["model"],
        messages: [{ role: "user", content: "Hello" }],
      }),
    });
    expect(said.status).toBe(200);
  });
});

test("both loopback addresses answer", async () => {
  const port = new URL(daemon.url).port;
  for (const host of ["127.0.0.1", "[::1]"]) {
    const answer = await fetch(`http://${host}:${port}/health`);
    expect(await answer.json()).toEqual({ status: "ok" });
  }
});

describe("openai SDK", () => {
  test("lists models", async () => {
    const ids = (await openai.models.list()).data.map((model) => model.id);
    expect(ids).toContain("demo/echo");
    expect((await openai.models.retrieve("demo/echo")).id).toBe("demo/echo");
  });

  test("completes, with usage and every gateway header", async () => {
    const { data, response } = await openai.chat.completions
      .create({ model: "demo/echo", messages: [{ role: "user", content: "hello there" }] })
      .withResponse();
    expect(data.choices[0]?.message.content).toContain("hello there");
    expect(data.usage?.prompt_tokens).toBeGreaterThan(0);
    expect(data.usage?.completion_tokens).toBeGreaterThan(0);
    expect(response.headers.get("x-megallm-provider")).toBe("demo");
    expect(response.headers.get("x-megallm-model")).toBe("echo");
    expect(response.headers.get("x-megallm-attempts")).toBe("1");
    expect(Number(response.headers.get("x-megallm-overhead-ms"))).toBeLessThan(1_000);
    expect(response.headers.get("x-megallm-cost-usd")).toMatch(/^(unknown|\d+\.\d{9})$/);
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    expect(response.headers.get("server-timing")).toContain("gateway;dur=");
  });

  test("streams", async () => {
    const stream = await openai.chat.completions.create({
      model: "demo/echo",
      messages: [{ role: "user", content: "one two three" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage += chunk.usage?.total_tokens ?? 0;
    }
    expect(text).toContain("one two three");
    expect(usage).toBeGreaterThan(0);
  });

  test("the usage chunk is hidden from a client that did not ask for it", async () => {
    const stream = await openai.chat.completions.create({
      model: "demo/echo",
      messages: [{ role: "user", content: "one two three" }],
      stream: true,
    });
    for await (const chunk of stream) expect(chunk.choices.length).toBe(1);
  });

  test("calls a tool and answers with its result", async () => {
    const tools = [
      {
        type: "function" as const,
        function: {
          name: weather.name,
          description: weather.description,
          parameters: weather.schema,
        },
      },
    ];
    const first = await openai.chat.completions.create({
      model: "demo/echo",
      messages: [{ role: "user", content: "weather?" }],
      tools,
      tool_choice: "required",
    });
    const message = first.choices[0]!.message;
    const call = message.tool_calls![0]!;
    expect(first.choices[0]!.finish_reason).toBe("tool_calls");
    if (call.type !== "function") throw new Error("a function call was expected");
    const args = JSON.parse(call.function.arguments) as Record<string, string>;
    expect(["C", "F"]).toContain(args["unit"]!);
    const second = await openai.chat.completions.create({
      model: "demo/echo",
      messages: [
        { role: "user", content: "weather?" },
        message,
        { role: "tool", tool_call_id: call.id, content: "18 degrees" },
      ],
      tools,
    });
    expect(second.choices[0]!.message.content).toContain("18 degrees");
  });

  test("embeds, moderates, and completes in the legacy way", async () => {
    const embedding = await openai.embeddings.create({ model: "demo/echo", input: ["a", "b"] });
    expect(embedding.data.length).toBe(2);
    const moderation = await openai.moderations.create({ model: "demo/echo", input: "hello" });
    expect(moderation.results.length).toBe(1);
    const completion = await openai.completions.create({ model: "demo/echo", prompt: "hi" });
    expect(completion.choices[0]?.text).toContain("hi");
  });

  test("demo/error-429 gives the SDK its own error class, with retry-after", async () => {
    const error = await openai.chat.completions
      .create({ model: "demo/error-429", messages: [{ role: "user", content: "x" }] })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(
      (error as InstanceType<typeof OpenAI.APIError>).headers?.get("retry-after"),
    ).toBeTruthy();
  });
});

describe("@anthropic-ai/sdk", () => {
  test("lists models", async () => {
    const ids: string[] = [];
    for await (const model of anthropic.models.list({ limit: 2 })) ids.push(model.id);
    expect(ids).toContain("demo/echo");
  });

  test("completes", async () => {
    const message = await anthropic.messages.create({
      model: "demo/echo",
      max_tokens: 100,
      messages: [{ role: "user", content: "hello there" }],
    });
    expect(message.content[0]).toMatchObject({ type: "text" });
    expect(JSON.stringify(message.content)).toContain("hello there");
    expect(message.stop_reason).toBe("end_turn");
    expect(message.usage.input_tokens).toBeGreaterThan(0);
  });

  test("streams", async () => {
    const stream = anthropic.messages.stream({
      model: "demo/echo",
      max_tokens: 100,
      messages: [{ role: "user", content: "one two three" }],
    });
    let text = "";
    stream.on("text", (piece) => (text += piece));
    const final = await stream.finalMessage();
    expect(text).toContain("one two three");
    expect(final.usage.output_tokens).toBeGreaterThan(0);
  });

  test("calls a tool and answers with its result", async () => {
    const tools = [
      { name: weather.name, description: weather.description, input_schema: weather.schema },
    ];
    const first = await anthropic.messages.create({
      model: "demo/echo",
      max_tokens: 500,
      messages: [{ role: "user", content: "weather?" }],
      tools,
      tool_choice: { type: "any" },
    });
    expect(first.stop_reason).toBe("tool_use");
    const call = first.content.find((block) => block.type === "tool_use")!;
    const second = await anthropic.messages.create({
      model: "demo/echo",
      max_tokens: 500,
      messages: [
        { role: "user", content: "weather?" },
        { role: "assistant", content: first.content },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: call.id, content: "18 degrees" }],
        },
      ],
      tools,
    });
    expect(JSON.stringify(second.content)).toContain("18 degrees");
  });

  test("counts tokens, marked as an estimate", async () => {
    const { data, response } = await anthropic.messages
      .countTokens({ model: "demo/echo", messages: [{ role: "user", content: "hello there" }] })
      .withResponse();
    expect(data.input_tokens).toBeGreaterThan(0);
    expect(response.headers.get("x-megallm-warnings")).toContain("estimated");
    expect(response.headers.get("x-megallm-cost-usd")).toBe("0.000000000");
  });
});

describe("the command line", () => {
  test("status, usage and models tell of it", async () => {
    const status = await daemon.cli("status", "--json");
    expect(status.stderr).toBe("");
    expect(JSON.parse(status.stdout).config.rejected).toBeNull();
    const usage = await daemon.cli("usage", "--by", "provider", "--json");
    const demo = JSON.parse(usage.stdout).groups.find(
      (group: { group: string }) => group.group === "demo",
    );
    expect(demo.requests).toBeGreaterThan(5);
    const models = await daemon.cli("models", "--json");
    expect(JSON.parse(models.stdout).map((model: { id: string }) => model.id)).toContain(
      "demo/echo",
    );
  });

  test("chat streams to the terminal", async () => {
    const { stdout, code } = await daemon.cli("chat", "demo/echo", "good", "morning");
    expect(stdout).toContain("good morning");
    expect(code).toBe(0);
  });

  test("every command has help with an example", async () => {
    for (const command of [
      "serve",
      "init",
      "check",
      "status",
      "models",
      "usage",
      "chat",
      "version",
    ]) {
      const { stdout, code } = await daemon.cli(command, "--help");
      expect(code).toBe(0);
      expect(stdout).toContain("Examples:");
    }
  });

  test("wrong arguments exit with 2", async () => {
    expect((await daemon.cli("usage", "--by", "weather")).code).toBe(2);
    expect((await daemon.cli("nonsense")).code).toBe(2);
    expect((await daemon.cli("serve", "--port", "x")).code).toBe(2);
  });
});
