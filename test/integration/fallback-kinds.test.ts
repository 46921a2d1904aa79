// What one provider refuses because of its length or of what it says, another answers: every vendor's own refusal, four
// kinds of clients, streamed and not.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { FailureKind } from "../../src/ir/error.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startBedrockUpstream } from "../support/upstream/bedrock.ts";
import { startCohereUpstream } from "../support/upstream/cohere.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { startMistralUpstream } from "../support/upstream/mistral.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type {
  ErrorAnswer,
  Scenario,
  Upstream,
  UpstreamOptions,
} from "../support/upstream/upstream.ts";

interface Vendor {
  start(options: UpstreamOptions): Promise<Upstream>;
  type: string;
  model: string;
  path?: string;
  settings?: object;
  refusals: Record<FailureKind, ErrorAnswer>;
}

const error = (status: number, type: string, message: string, code?: string): ErrorAnswer => ({
  kind: "error",
  status,
  type,
  message,
  ...(code && { code }),
});

/** As the vendors word them. */
const vendors: Record<string, Vendor> = {
  openai: {
    start: startOpenAiUpstream,
    type: "openai-compatible",
    model: "gpt-4o",
    refusals: {
      context_window: error(
        400,
        "invalid_request_error",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130512 tokens.",
        "context_length_exceeded",
      ),
      content_policy: error(
        400,
        "invalid_request_error",
        "Your prompt was flagged as potentially violating our usage policy.",
        "invalid_prompt",
      ),
    },
  },
  anthropic: {
    start: startAnthropicUpstream,
    type: "anthropic",
    model: "claude-sonnet-4-5",
    refusals: {
      context_window: error(
        400,
        "invalid_request_error",
        "prompt is too long: 200251 tokens > 200000 maximum",
      ),
      content_policy: error(
        400,
        "invalid_request_error",
        "Output blocked by content filtering policy",
      ),
    },
  },
  gemini: {
    start: startGeminiUpstream,
    type: "gemini",
    model: "gemini-2.5-flash",
    path: "/v1beta",
    settings: { dialects: ["gemini"] },
    refusals: {
      context_window: error(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
      ),
      content_policy: error(
        400,
        "INVALID_ARGUMENT",
        "The request was blocked by the safety filter.",
      ),
    },
  },
  bedrock: {
    start: startBedrockUpstream,
    type: "bedrock",
    model: "amazon.nova-2-lite-v1:0",
    settings: { region: "us-east-1" },
    refusals: {
      context_window: error(400, "ValidationException", "Input is too long for requested model."),
      content_policy: error(
        400,
        "ValidationException",
        "The request was blocked by our content filters.",
      ),
    },
  },
  cohere: {
    start: startCohereUpstream,
    type: "cohere",
    model: "command-a-03-2025",
    settings: { dialects: ["cohere"] },
    refusals: {
      context_window: error(
        400,
        "",
        "too many tokens: total number of tokens in the prompt cannot exceed 256000 - received 300001.",
      ),
      content_policy: error(400, "", "the request was blocked by our content filter"),
    },
  },
  mistral: {
    start: startMistralUpstream,
    type: "mistral",
    model: "mistral-small-latest",
    refusals: {
      context_window: error(
        400,
        "invalid_request_prompt",
        "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
      ),
      content_policy: error(403, "content_moderation", "The input failed moderation."),
    },
  },
};

const names = Object.keys(vendors);
const upstreams = new Map<string, Upstream>();
let running: InProcess;

const upstream = (name: string): Upstream => {
  const found = upstreams.get(name);
  if (!found) throw new Error(`no upstream ${name}`);
  return found;
};

beforeAll(async () => {
  const providers: Record<string, object> = {};
  const models: Record<string, object> = {};
  const add = async (name: string, { start, type, path, settings }: Vendor): Promise<void> => {
    const started = await start({ key: `key-of-${name}-0123456789` });
    upstreams.set(name, started);
    providers[name] = {
      type,
      base_url: path === undefined ? started.baseUrl : `${started.url}${path}`,
      api_key: started.key,
      ...settings,
    };
  };
  for (const name of names) {
    const vendor = vendors[name];
    if (!vendor) continue;
    await add(name, vendor);
    models[`guarded-${name}`] = {
      deployments: [{ model: `${name}/${vendor.model}` }],
      fallbacks: {
        general: ["general/gpt-4o"],
        context_window: ["long/gpt-4o"],
        content_policy: ["bold/claude-sonnet-4-5"],
      },
    };
    models[`bare-${name}`] = {
      deployments: [{ model: `${name}/${vendor.model}` }],
      fallbacks: ["general/gpt-4o"],
    };
  }
  const { openai, anthropic } = vendors;
  if (!openai || !anthropic) throw new Error("no vendors");
  for (const name of ["general", "long"]) await add(name, openai);
  await add("bold", anthropic);
  // The catalogue knows the window of a model of OpenAI's: 16,385 tokens.
  const { url, key } = upstream("openai");
  providers["known"] = { type: "openai", base_url: `${url}/v1`, api_key: key };
  models["small"] = {
    deployments: [{ model: "known/gpt-3.5-turbo" }],
    fallbacks: { general: ["known/gpt-3.5-turbo-0125"], context_window: ["long/gpt-4o"] },
  };
  models["outer"] = { deployments: [{ route: "guarded-openai" }] };
  running = await startInProcess({
    providers,
    models,
    default_fallbacks: { content_policy: ["bold/claude-sonnet-4-5"] },
  });
});
afterEach(() => {
  for (const each of upstreams.values()) each.reset();
});
afterAll(async () => {
  await running.close();
  for (const each of upstreams.values()) await each.stop();
});

type Client = (model: string, stream: boolean, text?: string) => Promise<Response>;

const post = (path: string, body: object): Promise<Response> =>
  running.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

const clients: Record<string, Client> = {
  chat: (model, stream, text = "Hi") =>
    post("/v1/chat/completions", { model, stream, messages: [{ role: "user", content: text }] }),
  responses: (model, stream, text = "Hi") => post("/v1/responses", { model, stream, input: text }),
  messages: (model, stream, text = "Hi") =>
    post("/v1/messages", {
      model,
      stream,
      max_tokens: 100,
      messages: [{ role: "user", content: text }],
    }),
  gemini: (model, stream, text = "Hi") =>
    post(
      `/v1beta/models/${model}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
      { contents: [{ role: "user", parts: [{ text }] }] },
    ),
};

const other: Record<FailureKind, string> = { context_window: "long", content_policy: "bold" };

describe.each(names)("%s refuses", (vendor) => {
  describe.each(["context_window", "content_policy"] as const)("for its %s", (kind) => {
    describe.each(Object.keys(clients))("a client of %s", (client) => {
      test.each([false, true])("streamed: %p", async (stream) => {
        const refusal = vendors[vendor]?.refusals[kind];
        if (!refusal) throw new Error("no refusal");
        upstream(vendor).script([refusal, refusal]);
        upstream(other[kind]).script({ kind: "text", text: "yes" });
        const answer = await clients[client]?.(`guarded-${vendor}`, stream);
        const body = await answer?.text();
        expect([answer?.status, body]).toEqual([200, expect.stringContaining("yes")]);
        expect(answer?.headers.get("x-megallm-provider")).toBe(other[kind]);
        expect(answer?.headers.get("x-megallm-attempts")).toBe("2");
        expect(upstream("general").requests).toHaveLength(0);
        expect(upstream(vendor).requests).toHaveLength(1);
        if (!answer) return;
        const { usage, attempts } = await running.recorded(answer);
        expect([usage.httpStatus, usage.provider]).toEqual([200, other[kind]]);
        expect(attempts.map(({ provider }) => provider)).toEqual([vendor, other[kind]]);

        // Without such a list: one attempt, and never the general fallbacks.
        if (kind === "content_policy") return;
        const refused = await clients[client]?.(`bare-${vendor}`, stream);
        const said = await refused?.text();
        expect(refused?.status).toBe(refusal.status);
        expect(said).toMatch(/tokens|too long/i);
        expect(upstream("general").requests).toHaveLength(0);
      });
    });
  });
});

/** Answers that say nothing but that they were filtered. */
const filtered: Record<string, Scenario> = {
  gemini: { kind: "text", text: "", blocked: "PROHIBITED_CONTENT" },
  anthropic: { kind: "text", text: "", stop: "refusal" },
};

describe.each(Object.keys(filtered))("an answer of %s that is filtered away", (vendor) => {
  describe.each(Object.keys(clients))("for a client of %s", (client) => {
    test.each([false, true])("streamed: %p", async (stream) => {
      const scenario = filtered[vendor];
      if (!scenario) throw new Error("no scenario");
      upstream(vendor).script(scenario);
      upstream("bold").script({ kind: "text", text: "bold" });
      const answer = await clients[client]?.(`guarded-${vendor}`, stream);
      expect(answer?.status).toBe(200);
      expect(await answer?.text()).toContain("bold");
      expect(answer?.headers.get("x-megallm-provider")).toBe("bold");
    });
  });
});

describe("a request that is known to be too long for every deployment", () => {
  const long = "All work and no play makes Jack a dull boy. ".repeat(3_000);

  test.each(Object.keys(clients))("goes to those that stand ready for it: %s", async (client) => {
    const answer = await clients[client]?.("small", false, long);
    expect(answer?.headers.get("x-megallm-provider")).toBe("long");
    expect(answer?.headers.get("x-megallm-attempts")).toBe("1");
    expect(upstream("openai").requests).toHaveLength(0);
  });

  test("a short one does not", async () => {
    const answer = await clients["chat"]?.("small", false);
    expect(answer?.headers.get("x-megallm-provider")).toBe("known");
  });
});

describe("lists", () => {
  test("the default ones hold for a model that is asked for by its own name", async () => {
    const refusal = vendors["openai"]?.refusals.content_policy;
    upstream("openai").script(refusal ?? []);
    const answer = await clients["messages"]?.("openai/gpt-4o", true);
    expect(answer?.headers.get("x-megallm-provider")).toBe("bold");
    await answer?.text();
  });

  test("a failure of no kind goes to the general one alone", async () => {
    upstream("openai").script(error(503, "server_error", "The server is overloaded."));
    const answer = await clients["chat"]?.("guarded-openai", false);
    expect(answer?.headers.get("x-megallm-provider")).toBe("general");
    expect([upstream("long").requests.length, upstream("bold").requests.length]).toEqual([0, 0]);
  });

  test("those of a group hold where it stands", async () => {
    upstream("openai").script(vendors["openai"]?.refusals.context_window ?? []);
    const answer = await clients["chat"]?.("outer", false);
    expect(answer?.headers.get("x-megallm-provider")).toBe("long");
  });

  test("the general one refuses, too: its refusal goes to the list of the route", async () => {
    upstream("openai").script(error(503, "server_error", "The server is overloaded."));
    upstream("general").script(vendors["openai"]?.refusals.context_window ?? []);
    const answer = await clients["chat"]?.("guarded-openai", false);
    expect(answer?.headers.get("x-megallm-provider")).toBe("long");
    expect(answer?.headers.get("x-megallm-attempts")).toBe("3");
  });

  test("everybody refuses: the client has the last one's words, and asks no more", async () => {
    upstream("openai").script(vendors["openai"]?.refusals.context_window ?? []);
    upstream("long").script(
      error(400, "invalid_request_error", "Your input exceeds the context window of this model."),
    );
    const answer = await clients["chat"]?.("guarded-openai", false);
    expect(answer?.status).toBe(400);
    expect(await answer?.text()).toContain("exceeds the context window");
    const failed = running.lines.filter((line) => line.includes("attempt.failed")).slice(-2);
    expect(failed.map((line) => /"provider":"(\w+)"/.exec(line)?.[1])).toEqual(["openai", "long"]);
    expect(failed.every((line) => line.includes('"kind":"context_window"'))).toBe(true);
  });

  test("models that the request names itself take every kind of refusal (OpenRouter)", async () => {
    upstream("openai").script(vendors["openai"]?.refusals.content_policy ?? []);
    const answer = await post("/v1/chat/completions", {
      model: "bare-openai",
      models: ["long/gpt-4o"],
      messages: [{ role: "user", content: "Hi" }],
    });
    expect(answer.headers.get("x-megallm-provider")).toBe("long");
    expect(upstream("general").requests).toHaveLength(0);
  });
});

test("R28 a client whose request was tried again here is told not to do so itself", async () => {
  const down = error(503, "server_error", "The server is overloaded.");
  upstream("openai").script([down, down]);
  upstream("general").script([down, down]);
  const both = await clients["chat"]?.("bare-openai", false);
  expect([both?.status, both?.headers.get("x-should-retry")]).toEqual([502, "false"]);
  const alone = await post("/v1/chat/completions", {
    model: "openai/gpt-4o",
    messages: [{ role: "user", content: "Hi" }],
  });
  expect([alone.status, alone.headers.get("x-should-retry")]).toEqual([502, null]);
});
