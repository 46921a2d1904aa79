// Clients of four wires before providers that are stricter than OpenAI: Mistral, and OpenAI's own models among themselves.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { ChatResponse } from "../../src/ir/chat.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { type Client, clients, readAnswer, type Scene } from "../support/quirks/clients.ts";
import { startMistralUpstream } from "../support/upstream/mistral.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import { startResponsesUpstream } from "../support/upstream/responses.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let mistral: Upstream;
let openai: Upstream;
let responses: Upstream;
let gateway: InProcess;

beforeAll(async () => {
  [mistral, openai, responses] = await Promise.all([
    startMistralUpstream(),
    startOpenAiUpstream(),
    startResponsesUpstream({ trustSignatures: true }),
  ]);
  const name = (model: string): [string, string] => [`m-${model}`, `mistral/${model}`];
  gateway = await startInProcess({
    keys: { one: "key-of-this-test-0123456789" },
    providers: {
      mistral: { base_url: mistral.baseUrl, api_key: mistral.key },
      openai: { base_url: openai.baseUrl, api_key: openai.key },
      items: {
        type: "openai",
        base_url: responses.baseUrl,
        api_key: responses.key,
      },
    },
    models: Object.fromEntries(
      ["mistral-medium-latest", "magistral-medium-latest", "mistral-large-latest"].map(name),
    ),
  });
});
afterAll(async () => {
  await gateway.close();
  await Promise.all([mistral.stop(), openai.stop(), responses.stop()]);
});
afterEach(() => {
  for (const upstream of [mistral, openai, responses]) upstream.reset();
});

interface Brought {
  sent: JsonObject;
  answer: ChatResponse;
  told: string[];
}

async function post(path: string, body: JsonObject | string): Promise<Response> {
  return gateway.fetch(path, {
    method: "POST",
    headers: {
      authorization: "Bearer key-of-this-test-0123456789",
      "content-type": "application/json",
      "anthropic-version": "2023-06-01",
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

const toldBy = (answer: Response): string[] =>
  (JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]") as { field: string }[]).map(
    ({ field }) => field,
  );

async function ask(client: Client, scene: Scene): Promise<Brought> {
  const answer = await post(client.path(scene), client.body(scene));
  const bytes = await answer.bytes();
  const [request, ...others] = mistral.requests;
  expect(request?.refusal).toBeUndefined();
  if (answer.status !== 200) throw new Error(Buffer.from(bytes).toString("utf8"));
  expect(others).toEqual([]);
  return {
    sent: isObject(request?.parsed) ? request.parsed : {},
    answer: readAnswer(client.dialect, bytes, scene.stream === true),
    told: toldBy(answer),
  };
}

const textOf = ({ candidates }: ChatResponse): string =>
  (candidates[0]?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");

const rolesOf = (sent: JsonObject): unknown[] =>
  (sent["messages"] as JsonObject[]).map(({ role }) => role);

const medium = "m-mistral-medium-latest";
const vendorIds = {
  "openai-chat": ["call_Jk3sT1uYw2xZ9aBcDeFgHiJk", "call_8rT2sT1uYw2xZ9aBcDeFgHiJ"],
  "anthropic-messages": ["toolu_01A09q90qw90lq917835lq9", "toolu_01B09q90qw90lq917835lq9"],
  "openai-responses": ["call_Jk3sT1uYw2xZ9aBcDeFgHiJk", "call_8rT2sT1uYw2xZ9aBcDeFgHiJ"],
  gemini: ["", ""],
} as const;
/** A picture of one point. */
const image =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

describe.each(clients)("a client of $dialect with Mistral", (client) => {
  const ids = vendorIds[client.dialect as keyof typeof vendorIds];

  describe.each([false, true])("streamed: %p", (stream) => {
    test("parallel calls, their results and the user's next words", async () => {
      mistral.script({ kind: "text", text: "Rome." });
      const { sent, answer } = await ask(client, { model: medium, ids, stream });
      expect(rolesOf(sent)).toEqual([
        "system",
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
      ]);
      const sentIds = (sent["messages"] as JsonObject[]).flatMap((message) => [
        ...((message["tool_calls"] as { id: string }[]) ?? []).map(({ id }) => id),
        ...(message["tool_call_id"] === undefined ? [] : [message["tool_call_id"]]),
      ]);
      expect(new Set(sentIds).size).toBe(2);
      expect(sentIds.slice(0, 2)).toEqual(sentIds.slice(2));
      expect(textOf(answer)).toBe("Rome.");
      expect(answer.usage?.input.total).toBeGreaterThan(0);
    });

    test("some tool is demanded, and called twice", async () => {
      const calls = ["Oslo", "Rome"].map((city) => ({ name: "get_weather", args: { city } }));
      mistral.script({ kind: "tool-calls", calls });
      const { sent, answer } = await ask(client, { model: medium, mustCall: true, stream });
      expect(sent["tool_choice"]).toBe("any");
      const made = (answer.candidates[0]?.parts ?? []).filter((part) => part.type === "tool-call");
      expect(made.map(({ args }) => JSON.parse(args))).toEqual([
        { city: "Oslo" },
        { city: "Rome" },
      ]);
      expect(answer.candidates[0]?.finish.reason).toBe("tool-calls");
      // Gemini's wire may leave ids out; elsewhere they are the provider's own.
      if (client.dialect === "gemini") return;
      expect(made.map(({ id }) => id)).toEqual([
        expect.stringMatching(/^[A-Za-z0-9]{9}$/),
        expect.stringMatching(/^[A-Za-z0-9]{9}$/),
      ]);
    });

    test("reasoning, asked for and shown", async () => {
      mistral.script({ kind: "text", text: "Rome.", reasoning: "Rome is in the south." });
      const { sent, answer } = await ask(client, {
        model: "m-magistral-medium-latest",
        thinks: true,
        stream,
      });
      expect(sent["reasoning_effort"]).toBe("high");
      const parts = answer.candidates[0]?.parts ?? [];
      const thoughts = parts.flatMap((part) => (part.type === "reasoning" ? [part.text] : []));
      expect(thoughts.join("")).toBe("Rome is in the south.");
      expect(textOf(answer)).toBe("Rome.");
    });

    test("structured output", async () => {
      mistral.script({ kind: "json", value: { city: "Rome" } });
      const { sent, answer } = await ask(client, { model: medium, schema, stream });
      expect(sent["response_format"]).toMatchObject({
        type: "json_schema",
        json_schema: { schema: { type: "object", required: ["city"] } },
      });
      expect(JSON.parse(textOf(answer))).toEqual({ city: "Rome" });
    });
  });

  test("a picture", async () => {
    const { sent } = await ask(client, { model: medium, image });
    const content = (sent["messages"] as JsonObject[])[1]?.["content"];
    expect(content).toContainEqual(
      expect.objectContaining({
        type: "image_url",
        image_url: expect.objectContaining({ url: image }),
      }),
    );
  });

  test.skipIf(!client.prefills).each([true, false])(
    "an answer begun, streamed: %p",
    async (stream) => {
      mistral.script({ kind: "text", text: " Rome." });
      const { sent, answer } = await ask(client, {
        model: medium,
        prefill: "The warmer one is",
        stream,
      });
      // Mistral repeats the beginning.
      expect(textOf(answer)).toBe(" Rome.");
      expect((sent["messages"] as JsonObject[]).at(-1)).toEqual({
        role: "assistant",
        content: "The warmer one is",
        prefix: true,
      });
    },
  );
});

describe("a relay to Mistral", () => {
  const plain = {
    model: "m-mistral-large-latest",
    messages: [{ role: "user", content: "Hi" }],
  };

  test("has only what is refused edited out of its bytes", async () => {
    const answer = await post(
      "/v1/chat/completions",
      '{"model":"m-mistral-large-latest", "messages":[{"role":"user","content":"Hi \\u00e9"}], "temperature":0.70,"seed":7,"max_completion_tokens": 5,"stream":true,"stream_options":{"include_usage":true},"user":"u","n":1}',
    );
    expect(answer.status).toBe(200);
    expect(Buffer.from(mistral.requests[0]?.body ?? []).toString("utf8")).toBe(
      '{"model":"mistral-large-latest", "messages":[{"role":"user","content":"Hi \\u00e9"}], "temperature":0.70,"random_seed":7,"max_tokens": 5,"stream":true,"n":1}',
    );
    expect(toldBy(answer)).toEqual(["user"]);
    expect(await answer.text()).toContain('"usage"');
  });

  test("that needs nothing is the client's bytes", async () => {
    const body = JSON.stringify(plain, null, 1);
    const answer = await post("/v1/chat/completions", body);
    expect(toldBy(answer)).toEqual([]);
    expect(Buffer.from(mistral.requests[0]?.body ?? []).toString("utf8")).toBe(
      body.replace("m-mistral-large-latest", "mistral-large-latest"),
    );
  });

  test("is refused where the client wants nothing lost", async () => {
    const answer = await gateway.fetch("/v1/chat/completions", {
      method: "POST",
      headers: {
        authorization: "Bearer key-of-this-test-0123456789",
        "x-megallm-unsupported": "error",
      },
      body: JSON.stringify({ ...plain, logit_bias: { "1": 1 } }),
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("logit_bias");
    expect(mistral.requests).toEqual([]);
  });

  test("with reasoning in it goes on with the same model, and with another", async () => {
    mistral.script({ kind: "text", text: "4", reasoning: "2 and 2" });
    const first = await post("/v1/chat/completions", {
      ...plain,
      model: "m-magistral-medium-latest",
    });
    const { choices } = (await first.json()) as { choices: { message: JsonObject }[] };
    const message = choices[0]?.message ?? {};
    expect(message["content"]).toEqual([
      { type: "thinking", thinking: [{ type: "text", text: "2 and 2" }] },
      { type: "text", text: "4" },
    ]);
    const messages = [...plain.messages, message, { role: "user", content: "And 3?" }];
    const next = await post("/v1/chat/completions", {
      model: "m-magistral-medium-latest",
      messages,
    });
    expect(next.status).toBe(200);
    const other = await post("/v1/messages", {
      model: "m-magistral-medium-latest",
      max_tokens: 50,
      messages: [{ role: "user", content: "2+2?" }],
    });
    const { content } = (await other.json()) as { content: JsonObject[] };
    const again = await post("/v1/messages", {
      model: "m-magistral-medium-latest",
      max_tokens: 50,
      messages: [
        { role: "user", content: "2+2?" },
        { role: "assistant", content },
        { role: "user", content: "And 3?" },
      ],
    });
    expect(again.status).toBe(200);
  });
});

describe("OpenAI's own models", () => {
  const body = (model: string, fields: JsonObject): JsonObject => ({
    model: `openai/${model}`,
    messages: [{ role: "user", content: "Hi" }],
    ...fields,
  });

  test.each(["gpt-4o", "gpt-4.1", "o4-mini", "gpt-5", "gpt-5.1"])(
    "%s takes either output limit, and no tools in a list",
    async (model) => {
      for (const limit of ["max_tokens", "max_completion_tokens"]) {
        const answer = await post(
          "/v1/chat/completions",
          body(model, { [limit]: 100, tools: [], tool_choice: "auto" }),
        );
        expect([limit, answer.status]).toEqual([limit, 200]);
        expect(toldBy(answer)).toEqual([]);
      }
      expect(openai.requests.map(({ refusal }) => refusal)).toEqual([undefined, undefined]);
      const sent = openai.requests.map(({ parsed }) => parsed as JsonObject);
      const isPlain = model.startsWith("gpt-4");
      expect(sent[0]).toHaveProperty(isPlain ? "max_tokens" : "max_completion_tokens", 100);
      expect(sent[0]).not.toHaveProperty("tools");
    },
  );

  test("what the SDK adds to parsed answers does not reach them", async () => {
    const answer = await post(
      "/v1/chat/completions",
      body("gpt-4o", {
        messages: [
          { role: "user", content: "Hi" },
          {
            role: "assistant",
            content: null,
            parsed: null,
            tool_calls: [
              {
                id: "call_1",
                type: "function",
                function: { name: "f", arguments: "{}", parsed_arguments: {} },
              },
            ],
          },
          { role: "tool", tool_call_id: "call_1", content: "1" },
        ],
        tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      }),
    );
    expect(answer.status).toBe(200);
    expect(Buffer.from(openai.requests[0]?.body ?? []).toString("utf8")).not.toContain("parsed");
    const items = await post("/v1/responses", {
      model: "items/gpt-5.1",
      store: false,
      input: [
        { role: "user", content: "Hi" },
        { type: "function_call", call_id: "c", name: "f", arguments: "{}", parsed_arguments: {} },
        { type: "function_call_output", call_id: "c", output: "1" },
      ],
      tools: [{ type: "function", name: "f", parameters: null, strict: false }],
    });
    expect(await items.text()).toContain('"status"');
    expect(responses.requests[0]?.refusal).toBeUndefined();
    expect(Buffer.from(responses.requests[0]?.body ?? []).toString("utf8")).not.toContain("parsed");
  });

  test("schemas in Google's spelling, and with their dialect named, are taken from other wires", async () => {
    const parameters = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "OBJECT",
      properties: { city: { type: "STRING" } },
    };
    const answer = await post("/v1/messages", {
      model: "openai/gpt-4o",
      max_tokens: 50,
      messages: [{ role: "user", content: "Hi" }],
      tools: [{ name: "f", input_schema: parameters }],
    });
    expect(answer.status).toBe(200);
    expect(openai.requests[0]?.parsed).toHaveProperty("tools", [
      {
        type: "function",
        function: {
          name: "f",
          parameters: { type: "object", properties: { city: { type: "string" } } },
        },
      },
    ]);
  });
});
