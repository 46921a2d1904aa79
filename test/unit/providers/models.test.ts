// Lists of models: where they are, in which shapes they come, and how a reading ends.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { GatewayError } from "../../../src/ir/error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { findProvider, providers } from "../../../src/providers/index.ts";
import { parseModelPage } from "../../../src/providers/model-list.ts";
import { type FetchModels, modelListUrl, readModels } from "../../../src/providers/models.ts";
import type { Credentials, Provider } from "../../../src/providers/provider.ts";

const need = (id: string): Provider => findProvider(id)!;
const never = new AbortController().signal;

const credentials: Credentials = {
  apiKey: new Secret("k-1"),
  settings: { account_id: "0123456789abcdef0123456789abcdef", workspace: "a.cloud.databricks.com" },
  secrets: {},
  env: {},
  fetch: async () => {
    throw new Error("offline");
  },
};

describe("the list is at", () => {
  test.each([
    ["openai", undefined, "https://api.openai.com/v1/models"],
    ["anthropic", undefined, "https://api.anthropic.com/v1/models?limit=1000"],
    ["gemini", undefined, "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000"],
    ["cohere", undefined, "https://api.cohere.com/v1/models?page_size=1000"],
    ["ollama", undefined, "http://127.0.0.1:11434/api/tags"],
    ["github", undefined, "https://models.github.ai/catalog/models"],
    ["heroku", undefined, "https://us.inference.heroku.com/available-models"],
    ["groq", undefined, "https://api.groq.com/openai/v1/models"],
    ["databricks", undefined, "https://a.cloud.databricks.com/api/2.0/serving-endpoints"],
    [
      "cloudflare",
      undefined,
      "https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/ai/models/search?per_page=1000",
    ],
    ["openai", "http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/models"],
    ["anthropic", "http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/models?limit=1000"],
    ["gemini", "http://127.0.0.1:9000/v1beta", "http://127.0.0.1:9000/v1beta/models?pageSize=1000"],
    ["ollama", "http://10.0.0.5:11434/v1", "http://10.0.0.5:11434/api/tags"],
    ["github", "http://127.0.0.1:9000/inference", "http://127.0.0.1:9000/catalog/models"],
    ["openai-compatible", "http://127.0.0.1:9000/x/v1", "http://127.0.0.1:9000/x/v1/models"],
  ])("%s with base_url %s", (id, baseUrl, expected) => {
    const { settings } = credentials;
    expect(modelListUrl(need(id), { baseUrl, settings })?.href).toBe(expected);
  });

  test("no list, no address", () => {
    expect(modelListUrl(need("perplexity"))).toBeUndefined();
    expect(modelListUrl(need("openai-compatible"))).toBeUndefined();
    expect(modelListUrl(need("demo"))).toBeUndefined();
  });

  test("an operator's address is never left", () => {
    for (const provider of providers) {
      const settings = Object.fromEntries(
        Object.entries(provider.urlSettings ?? {}).map(([name, { example }]) => [name, example]),
      );
      const url = modelListUrl(provider, { baseUrl: "http://127.0.0.1:9000", settings });
      expect([provider.id, url?.host ?? "127.0.0.1:9000"]).toEqual([provider.id, "127.0.0.1:9000"]);
    }
  });
});

/** What vendors answer, shortened. */
const shapes: readonly (readonly [string, unknown, unknown])[] = [
  [
    "OpenAI",
    { object: "list", data: [{ id: "gpt-4o", object: "model", owned_by: "system" }] },
    [{ id: "gpt-4o", ownedBy: "system" }],
  ],
  [
    "Groq",
    {
      object: "list",
      data: [
        {
          id: "llama-3.3-70b",
          object: "model",
          owned_by: "Meta",
          active: true,
          context_window: 131072,
          max_completion_tokens: 32768,
        },
      ],
    },
    [{ id: "llama-3.3-70b", contextWindow: 131072, maxOutputTokens: 32768, ownedBy: "Meta" }],
  ],
  [
    "OpenRouter",
    {
      data: [
        {
          id: "anthropic/claude-sonnet-4.5",
          context_length: 1000000,
          architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
          pricing: {
            prompt: "0.000003",
            completion: "0.000015",
            input_cache_read: "0.0000003",
            request: "0",
          },
          top_provider: {
            context_length: 1000000,
            max_completion_tokens: 64000,
            is_moderated: true,
          },
          supported_parameters: [
            "include_reasoning",
            "max_tokens",
            "reasoning",
            "response_format",
            "tools",
          ],
        },
        {
          id: "openrouter/auto",
          context_length: 2000000,
          architecture: { input_modalities: ["text"] },
          pricing: { prompt: "-1", completion: "-1" },
          supported_parameters: ["max_tokens"],
        },
      ],
    },
    [
      {
        id: "anthropic/claude-sonnet-4.5",
        contextWindow: 1000000,
        maxOutputTokens: 64000,
        capabilities: { tools: true, reasoning: true, json: true, vision: true },
        prices: { input: 3_000_000_000n, output: 15_000_000_000n, cacheRead: 300_000_000n },
      },
      {
        id: "openrouter/auto",
        contextWindow: 2000000,
        capabilities: { tools: false, reasoning: false, json: false, vision: false },
      },
    ],
  ],
  [
    "Together: a bare array",
    [
      {
        id: "meta-llama/Llama-3.3-70B",
        object: "model",
        type: "chat",
        organization: "Meta",
        context_length: 131072,
        pricing: { hourly: 0, input: 0.88, output: 0.88, base: 0, finetune: 0 },
      },
    ],
    [
      {
        id: "meta-llama/Llama-3.3-70B",
        contextWindow: 131072,
        prices: { input: 880_000_000n, output: 880_000_000n },
        ownedBy: "Meta",
      },
    ],
  ],
  [
    "Vercel",
    {
      object: "list",
      data: [
        {
          id: "openai/gpt-4o",
          owned_by: "openai",
          context_window: 128000,
          max_tokens: 16384,
          tags: ["tool-use", "vision"],
          pricing: { input: "0.0000025", output: "0.00001" },
        },
      ],
    },
    [
      {
        id: "openai/gpt-4o",
        contextWindow: 128000,
        maxOutputTokens: 16384,
        capabilities: { tools: true, vision: true },
        prices: { input: 2_500_000_000n, output: 10_000_000_000n },
        ownedBy: "openai",
      },
    ],
  ],
  [
    "Mistral",
    {
      object: "list",
      data: [
        {
          id: "mistral-large-latest",
          object: "model",
          owned_by: "mistralai",
          capabilities: {
            completion_chat: true,
            function_calling: true,
            vision: false,
            fine_tuning: false,
          },
          max_context_length: 131072,
        },
      ],
    },
    [
      {
        id: "mistral-large-latest",
        contextWindow: 131072,
        capabilities: { tools: true, vision: false },
        ownedBy: "mistralai",
      },
    ],
  ],
  [
    "DeepInfra",
    {
      object: "list",
      data: [
        {
          id: "deepseek-ai/DeepSeek-V3.1",
          object: "model",
          owned_by: "deepinfra",
          metadata: {
            context_length: 163840,
            max_tokens: 163840,
            pricing: { input_tokens: 0.27, output_tokens: 1, cache_read_tokens: 0.216 },
            tags: ["reasoning"],
          },
        },
      ],
    },
    [
      {
        id: "deepseek-ai/DeepSeek-V3.1",
        contextWindow: 163840,
        maxOutputTokens: 163840,
        capabilities: { reasoning: true },
        prices: { input: 270_000_000n, output: 1_000_000_000n, cacheRead: 216_000_000n },
        ownedBy: "deepinfra",
      },
    ],
  ],
  [
    "GitHub: a bare array",
    [
      {
        id: "openai/gpt-4.1",
        name: "OpenAI GPT-4.1",
        publisher: "OpenAI",
        capabilities: ["streaming", "tool-calling"],
        limits: { max_input_tokens: 1048576, max_output_tokens: 32768 },
        supported_input_modalities: ["text", "image"],
      },
    ],
    [
      {
        id: "openai/gpt-4.1",
        contextWindow: 1048576,
        maxOutputTokens: 32768,
        capabilities: { tools: true, vision: true },
        ownedBy: "OpenAI",
      },
    ],
  ],
  [
    "Gemini",
    {
      models: [
        {
          name: "models/gemini-2.5-flash",
          displayName: "Gemini 2.5 Flash",
          inputTokenLimit: 1048576,
          outputTokenLimit: 65536,
          supportedGenerationMethods: ["generateContent"],
          thinking: true,
        },
      ],
    },
    [
      {
        id: "gemini-2.5-flash",
        contextWindow: 1048576,
        maxOutputTokens: 65536,
        capabilities: { reasoning: true },
      },
    ],
  ],
  [
    "Ollama",
    {
      models: [
        {
          name: "llama3.2:latest",
          model: "llama3.2:latest",
          size: 2019393189,
          details: { family: "llama" },
        },
      ],
    },
    [{ id: "llama3.2:latest" }],
  ],
  [
    "Cohere",
    {
      models: [
        {
          name: "command-a-03-2025",
          endpoints: ["chat"],
          context_length: 288000,
          features: ["tools", "json_schema"],
          supports_vision: false,
        },
      ],
    },
    [
      {
        id: "command-a-03-2025",
        contextWindow: 288000,
        capabilities: { tools: true, json: true, vision: false },
      },
    ],
  ],
  [
    "Anthropic",
    {
      data: [
        {
          type: "model",
          id: "claude-sonnet-4-5-20250929",
          display_name: "Claude Sonnet 4.5",
          max_input_tokens: 1000000,
          max_tokens: 64000,
          capabilities: {
            thinking: { supported: true },
            image_input: { supported: true },
            structured_outputs: { supported: false },
          },
        },
      ],
      has_more: false,
      first_id: "a",
      last_id: "a",
    },
    [
      {
        id: "claude-sonnet-4-5-20250929",
        contextWindow: 1000000,
        maxOutputTokens: 64000,
        capabilities: { reasoning: true, vision: true, json: false },
      },
    ],
  ],
  [
    "Bedrock",
    {
      modelSummaries: [
        {
          modelArn: "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
          modelId: "amazon.nova-pro-v1:0",
          modelName: "Nova Pro",
          providerName: "Amazon",
          inputModalities: ["TEXT", "IMAGE"],
          outputModalities: ["TEXT"],
        },
      ],
    },
    [{ id: "amazon.nova-pro-v1:0", capabilities: { vision: true }, ownedBy: "Amazon" }],
  ],
  [
    "Heroku",
    [{ model_id: "claude-4-5-haiku", regions: ["us"], type: ["text-to-text"] }],
    [{ id: "claude-4-5-haiku" }],
  ],
  [
    "Databricks",
    { endpoints: [{ name: "databricks-claude-sonnet-4-5", id: "1234" }] },
    [{ id: "databricks-claude-sonnet-4-5" }],
  ],
  [
    "Cloudflare",
    {
      success: true,
      result: [{ id: "f8703a00-ed54-4f98-bdc3-cd9a813286f3", name: "@cf/qwen/qwen3" }],
    },
    [{ id: "@cf/qwen/qwen3" }],
  ],
  ["an empty list as Ollama writes it", { object: "list", data: null }, []],
];

describe("shapes", () => {
  test.each(shapes)("%s", (_name, body, models) => {
    expect(parseModelPage(body)?.models as unknown).toEqual(models);
  });

  test.each([null, "text", 3, {}, { error: { message: "no" } }, { data: {} }])(
    "%j is no list",
    (body) => {
      expect(parseModelPage(body)).toBeUndefined();
    },
  );

  test("entries without a usable name are left out", () => {
    const data = [
      null,
      3,
      {},
      { id: "" },
      { id: 4 },
      { id: "a\u0000b" },
      { id: "x".repeat(301) },
      { id: "ok" },
    ];
    expect(parseModelPage({ data })?.models).toEqual([{ id: "ok" }]);
  });

  test("hostile entries neither throw nor reach a prototype", () => {
    const body: unknown = JSON.parse(
      `{"data":[{"id":"a","__proto__":{"context_length":5},"constructor":{"x":1},"pricing":{"input":1e400,"output":"x"},"capabilities":{"__proto__":{"tools":true}}}]}`,
    );
    expect(parseModelPage(body)?.models).toEqual([{ id: "a" }]);
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (entry, member) => {
        parseModelPage(entry);
        parseModelPage({
          data: [{ id: "a", pricing: member, capabilities: member, tags: member }],
        });
      }),
    );
    expect(Object.hasOwn(Object.prototype, "tools")).toBe(false);
  });
});

/** Answers by the URL's query. */
const pages =
  (answers: Record<string, unknown>, asked: string[] = []): FetchModels =>
  async ({ url, headers }) => {
    asked.push(
      `${url.search} ${headers.get("authorization") ?? headers.get("x-api-key") ?? headers.get("x-goog-api-key")}`,
    );
    return { status: 200, headers: new Headers(), text: JSON.stringify(answers[url.search]) };
  };

describe("reading", () => {
  const read = (id: string, fetch: FetchModels): Promise<string[]> =>
    readModels({ preset: need(id), credentials }, fetch, never).then((models) =>
      models.map((model) => model.id),
    );

  test("Anthropic's pages, with its headers", async () => {
    const asked: string[] = [];
    const answers = {
      "?limit=1000": { data: [{ id: "a" }, { id: "b" }], has_more: true, last_id: "b" },
      "?limit=1000&after_id=b": { data: [{ id: "c" }], has_more: false, last_id: "c" },
    };
    expect(await read("anthropic", pages(answers, asked))).toEqual(["a", "b", "c"]);
    expect(asked).toEqual(["?limit=1000 k-1", "?limit=1000&after_id=b k-1"]);
  });

  test("Gemini's and Cohere's pages", async () => {
    const gemini = {
      "?pageSize=1000": { models: [{ name: "models/a" }], nextPageToken: "t 1" },
      "?pageSize=1000&pageToken=t+1": { models: [{ name: "models/b" }] },
    };
    expect(await read("gemini", pages(gemini))).toEqual(["a", "b"]);
    const cohere = {
      "?page_size=1000": { models: [{ name: "a" }], next_page_token: "t" },
      "?page_size=1000&page_token=t": { models: [{ name: "b" }], next_page_token: "" },
    };
    expect(await read("cohere", pages(cohere))).toEqual(["a", "b"]);
  });

  test("a server that repeats its page is asked twice at most", async () => {
    let asked = 0;
    const fetch: FetchModels = async () => {
      asked += 1;
      const text = JSON.stringify({ data: [{ id: "a" }], has_more: true, last_id: "a" });
      return { status: 200, headers: new Headers(), text };
    };
    expect(await read("anthropic", fetch)).toEqual(["a"]);
    expect(asked).toBe(2);
  });

  test("each refusal has its code, and never a key in its words", async () => {
    const answering =
      (status: number, text: string): FetchModels =>
      async () => ({ status, headers: new Headers({ "retry-after": "7" }), text });
    const code = async (fetch: FetchModels): Promise<unknown> => {
      const error: unknown = await read("openai", fetch).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GatewayError);
      expect((error as GatewayError).message).not.toContain("k-1");
      return (error as GatewayError).code;
    };
    expect(await code(answering(401, "bad key k-1"))).toBe("upstream_auth");
    expect(await code(answering(429, "slow down"))).toBe("upstream_rate_limited");
    expect(await code(answering(503, ""))).toBe("upstream_unavailable");
    expect(await code(answering(404, "<html>"))).toBe("upstream_invalid");
    expect(await code(answering(200, "<html>"))).toBe("upstream_invalid");
    expect(await code(answering(200, `{"error":{"message":"k-1"}}`))).toBe("upstream_invalid");
  });

  test("where there is no list", async () => {
    const error = await read("perplexity", pages({})).catch((thrown: unknown) => thrown);
    expect((error as GatewayError).code).toBe("not_found");
  });
});

const wire = `${import.meta.dir}/../../../../shared/wire`;

test.skipIf(!existsSync(wire))("recorded lists are read whole", async () => {
  for (const file of ["cerebras.openai.models", "heroku.openai.models"]) {
    const text = new TextDecoder().decode(
      Bun.gunzipSync(await Bun.file(`${wire}/${file}.jsonl.gz`).bytes()),
    );
    for (const line of text.trim().split("\n")) {
      const { body } = (JSON.parse(line) as { response: { body: unknown } }).response;
      const entries = Array.isArray(body) ? body : (body as { data: unknown[] }).data;
      const models = parseModelPage(body)?.models;
      expect(models?.length).toBe(entries.length);
      expect(models?.length).toBeGreaterThan(2);
    }
  }
});
