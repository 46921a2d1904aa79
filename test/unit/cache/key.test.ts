// When two requests are the same: everything that may change an answer changes the key, and nothing else does.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cacheKey, type Identity, type KeyParts } from "../../../src/cache/key.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId, Operation } from "../../../src/ir/chat.ts";
import { inspect } from "../../../src/pipeline/inbound.ts";
import { providers } from "../../../src/providers/index.ts";

const preset = providers.find(({ id }) => id === "openai");
if (!preset) throw new Error("there is no such preset");

const candidate = (changes: Partial<Identity> = {}): Identity => ({
  provider: {
    name: "up",
    preset,
    baseUrl: "https://up.example/v1",
    customBaseUrl: false,
    settings: {},
    secrets: {},
    keys: [],
    headers: {},
    models: null,
    prices: [],
    timeouts: {},
    parameters: {},
    origin: "config",
  },
  model: "m-1",
  key: null,
  parameters: { unsupported: "warn", allow: [], drop: [], extraBody: {}, extraHeaders: {} },
  order: 0,
  via: ["main"],
  ...changes,
});
const one = candidate();

interface Case {
  body: object | string;
  dialect?: DialectId;
  operation?: Operation;
  headers?: Record<string, string>;
  url?: string;
  form?: string;
  model?: string;
  parts?: Partial<KeyParts>;
}

function keyOf({ body, dialect: id = "openai-chat", operation = "chat", ...rest }: Case): string {
  const { headers = {}, url = "http://localhost/", form, model, parts } = rest;
  const dialect = dialects[id];
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const asked = {
    dialect,
    operation,
    ...(form !== undefined && { form }),
    ...(model !== undefined && { model }),
  };
  return cacheKey({
    partition: ["key", "k1"],
    asked: inspect(Buffer.from(text), new Request(url, { headers }), asked),
    ownFields: ["cache"],
    candidates: [one],
    ...parts,
  });
}

const messages = [{ role: "user", content: "Hello" }];
const base = { model: "main", messages };
const differ = (left: Case, right: Case): void => expect(keyOf(left)).not.toBe(keyOf(right));
const agree = (left: Case, right: Case): void => expect(keyOf(left)).toBe(keyOf(right));

describe("what makes another key", () => {
  const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };
  test.each<[string, unknown]>([
    ["messages", [{ role: "user", content: "Hello " }]],
    ["temperature", 0],
    ["temperature", 1],
    ["top_p", 0.5],
    ["n", 2],
    ["seed", 1],
    ["max_tokens", 10],
    ["max_completion_tokens", 10],
    ["stop", ["x"]],
    ["tools", [tool]],
    ["tools", [{ ...tool, function: { ...tool.function, strict: true } }]],
    ["tool_choice", "none"],
    ["parallel_tool_calls", false],
    ["response_format", { type: "json_object" }],
    ["reasoning_effort", "high"],
    ["reasoning", { effort: "low" }],
    ["verbosity", "low"],
    ["logprobs", true],
    ["top_logprobs", 3],
    ["logit_bias", { "50256": -100 }],
    ["presence_penalty", 1],
    ["frequency_penalty", 1],
    ["modalities", ["text"]],
    ["prediction", { type: "content", content: "x" }],
    ["service_tier", "flex"],
    ["web_search_options", {}],
    ["user", "jane"],
    ["metadata", { a: "b" }],
    ["store", true],
    ["prompt_cache_key", "x"],
    ["safety_identifier", "x"],
    ["models", ["other"]],
    ["provider", { sort: "price" }],
    ["anything_new", null],
    ["stream_options", { include_obfuscation: false }],
    ["stream_options", []],
  ])("OpenAI's %s: %j", (name, value) =>
    differ({ body: base }, { body: { ...base, [name]: value } }),
  );

  test.each<[DialectId, Operation, object, object]>([
    [
      "anthropic-messages",
      "chat",
      { model: "main", messages, max_tokens: 5 },
      { thinking: { type: "enabled", budget_tokens: 1024 } },
    ],
    [
      "anthropic-messages",
      "chat",
      { model: "main", messages, max_tokens: 5 },
      { system: "Be brief." },
    ],
    [
      "anthropic-messages",
      "chat",
      { model: "main", messages, max_tokens: 5 },
      { stream_options: {} },
    ],
    ["anthropic-messages", "chat", { model: "main", messages, max_tokens: 5 }, { top_k: 3 }],
    ["openai-responses", "chat", { model: "main", input: "Hello" }, { instructions: "Be brief." }],
    ["openai-responses", "chat", { model: "main", input: "Hello" }, { text: { verbosity: "low" } }],
    [
      "openai-responses",
      "chat",
      { model: "main", input: "Hello" },
      { include: ["reasoning.encrypted_content"] },
    ],
    ["ollama", "chat", { model: "main", messages }, { think: true }],
    ["ollama", "chat", { model: "main", messages }, { options: { seed: 1 } }],
    ["cohere", "chat", { model: "main", messages }, { documents: ["d"] }],
    ["openai-chat", "embeddings", { model: "main", input: "Hello" }, { dimensions: 8 }],
    ["openai-chat", "embeddings", { model: "main", input: "Hello" }, { encoding_format: "base64" }],
    ["cohere", "rerank", { model: "main", query: "q", documents: ["d"] }, { top_n: 1 }],
  ])("%s %s: %j and %j", (dialect, operation, body, more) =>
    differ({ dialect, operation, body }, { dialect, operation, body: { ...body, ...more } }),
  );

  test.each<[DialectId, object]>([
    ["gemini", { generationConfig: { candidateCount: 2 } }],
    ["gemini", { safetySettings: [] }],
    ["bedrock-converse", { inferenceConfig: { temperature: 0 } }],
    ["bedrock-converse", { additionalModelRequestFields: { top_k: 1 } }],
  ])("%s, whose path has the model: %j", (dialect, more) => {
    const body = { contents: [], messages: [] };
    differ(
      { dialect, model: "main", body },
      { dialect, model: "main", body: { ...body, ...more } },
    );
    differ({ dialect, model: "main", body }, { dialect, model: "other", body });
  });

  test("how a number, a text and an order are spelt: a provider's prompt cache may tell them apart", () => {
    const text = '{"model":"main","messages":[],"temperature":1}';
    differ({ body: text }, { body: text.replace("1}", "1.0}") });
    differ({ body: '{"model":"main","a":"é"}' }, { body: '{"model":"main","a":"\\u00e9"}' });
    differ({ body: '{"model":"main","a":1,"b":2}' }, { body: '{"model":"main","b":2,"a":1}' });
    differ({ body: '{"model":"main","a":[1]}' }, { body: '{"model":"main","a":[ 1]}' });
  });

  test("the model as it was asked for", () =>
    differ({ body: base }, { body: { ...base, model: "x" } }));

  test("the dialect, the operation, the form", () => {
    differ({ body: base }, { body: base, dialect: "ollama" });
    differ({ body: base }, { body: base, operation: "embeddings" });
    differ({ body: base, dialect: "ollama" }, { body: base, dialect: "ollama", form: "generate" });
  });

  test("headers and queries that reach the provider, and no others", () => {
    const body = { model: "main", messages, max_tokens: 5 };
    const plain: Case = { body, dialect: "anthropic-messages" };
    for (const [name, value] of [
      ["anthropic-beta", "a"],
      ["anthropic-version", "2023-06-01"],
    ] as const) {
      const headers = { [name]: value };
      differ(plain, { ...plain, headers });
    }
    differ(
      { ...plain, headers: { "anthropic-beta": "a" } },
      { ...plain, headers: { "anthropic-beta": "b" } },
    );
    differ(plain, { ...plain, url: "http://localhost/?beta=true" });
    agree(plain, { ...plain, url: "http://localhost/?other=true" });
    agree(plain, {
      ...plain,
      headers: { "x-api-key": "k", "user-agent": "u", "x-megallm-cache": "only" },
    });
    differ({ body: base }, { body: base, headers: { "openai-beta": "a" } });
    agree({ body: base }, { body: base, headers: { "x-client-request-id": "fresh" } });
  });

  test("what the caller wants done with unsupported parameters", () =>
    differ({ body: base }, { body: base, headers: { "x-megallm-unsupported": "drop" } }));

  const provider = one.provider;
  test.each<[string, Partial<KeyParts>]>([
    ["the partition", { partition: ["key", "k2"] }],
    ["a namespace", { namespace: "x" }],
    ["the policy", { policy: "lowest-cost" }],
    ["the arm of an experiment", { arm: "a=b" }],
    ["a guardrail", { guardrails: ["g"] }],
    ["another model behind the route", { candidates: [candidate({ model: "m-2" })] }],
    ["one model more", { candidates: [one, candidate({ model: "m-2" })] }],
    ["another provider", { candidates: [candidate({ provider: { ...provider, name: "p" } })] }],
    [
      "another address",
      { candidates: [candidate({ provider: { ...provider, baseUrl: "https://b" } })] },
    ],
    [
      "another region",
      { candidates: [candidate({ provider: { ...provider, settings: { region: "eu" } } })] },
    ],
    [
      "a header of the provider",
      { candidates: [candidate({ provider: { ...provider, headers: { a: "b" } } })] },
    ],
    [
      "a field put in",
      { candidates: [candidate({ parameters: { ...one.parameters, extraBody: { a: 1 } } })] },
    ],
    [
      "a field taken out",
      { candidates: [candidate({ parameters: { ...one.parameters, drop: ["a"] } })] },
    ],
    [
      "a header put in",
      { candidates: [candidate({ parameters: { ...one.parameters, extraHeaders: { a: "b" } } })] },
    ],
    ["another route", { candidates: [candidate({ via: ["other"] })] }],
  ])("%s", (_name, parts) => differ({ body: base }, { body: base, parts }));
});

describe("what makes no other key", () => {
  test("whether and how the answer is streamed", () => {
    agree({ body: base }, { body: { ...base, stream: true } });
    agree({ body: base }, { body: { ...base, stream: false } });
    agree(
      { body: base },
      { body: { ...base, stream: true, stream_options: { include_usage: true } } },
    );
    agree(
      { body: base, dialect: "ollama" },
      { body: { ...base, stream: false }, dialect: "ollama" },
    );
  });

  test("LiteLLM's field where it was read as the gateway's own; elsewhere it is the provider's", () => {
    const body = { ...base, cache: { ttl: 5 } };
    agree({ body: base }, { body });
    differ({ body: base, parts: { ownFields: [] } }, { body, parts: { ownFields: [] } });
  });

  test("in which order the candidates stand", () => {
    const other = candidate({ model: "m-2" });
    agree(
      { body: base, parts: { candidates: [one, other] } },
      { body: base, parts: { candidates: [other, candidate()] } },
    );
  });

  test("spaces around members", () =>
    agree({ body: '{"model":"main","a":1}' }, { body: ' { "model":"main" ,\n "a":1 } ' }));
});

test("property: two bodies have one key exactly where they have the same members, but for how they are streamed", () => {
  const untouched = new Set(["stream", "stream_options", "model", "cache", "models"]);
  const names = fc.string({ maxLength: 6 }).filter((name) => !untouched.has(name));
  const members = fc.dictionary(names, fc.jsonValue({ maxDepth: 2 }), {
    maxKeys: 4,
    noNullPrototype: true,
  });
  const clean = (value: object): object => JSON.parse(JSON.stringify(value)) as object;
  fc.assert(
    fc.property(members, members, fc.boolean(), (left, right, stream) => {
      const first = { body: clean({ model: "main", ...left }) };
      const other = { body: clean({ model: "main", ...right, stream }) };
      const isSame = JSON.stringify(clean(left)) === JSON.stringify(clean(right));
      expect(keyOf(first) === keyOf(other)).toBe(isSame);
      agree(first, { body: clean({ model: "main", ...left, stream }) });
    }),
  );
});

test("property: parts never run into each other", () => {
  const text = fc.string({ maxLength: 5 });
  const parts = fc.record({
    partition: fc.array(text, { minLength: 1, maxLength: 3 }),
    namespace: fc.option(text, { nil: undefined }),
    policy: fc.option(text, { nil: undefined }),
    arm: fc.option(text, { nil: undefined }),
    guardrails: fc.array(text, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(parts, parts, (left, right) => {
      const plain = (each: typeof left) =>
        JSON.stringify([
          each.partition,
          each.namespace ?? null,
          each.policy ?? null,
          each.arm ?? null,
          each.guardrails.toSorted(),
        ]);
      const isSame = plain(left) === plain(right);
      expect(keyOf({ body: base, parts: left }) === keyOf({ body: base, parts: right })).toBe(
        isSame,
      );
    }),
  );
});
