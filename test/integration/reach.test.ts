// Tags, regions, aliases and what a key may use, through the whole gateway.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const upstreams = new Map<string, Upstream>();
let running: InProcess;

const keys = {
  free: "key-free-0123456789abcdef",
  limited: "key-limited-0123456789abcdef",
  fixed: "key-fixed-0123456789abcdef",
  none: "key-none-0123456789abcdef",
};

beforeAll(async () => {
  const providers: Record<string, object> = {};
  for (const name of ["us", "eu", "spare"]) {
    const started = await startOpenAiUpstream({ key: `key-of-${name}-0123456789` });
    upstreams.set(name, started);
    providers[name] = {
      type: "openai-compatible",
      base_url: started.baseUrl,
      api_key: started.key,
      models: ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "gpt-4o-realtime-preview"],
    };
  }
  running = await startInProcess({
    providers,
    models: {
      smart: {
        deployments: [
          { model: "us/gpt-4o", tags: ["free", "default"], region: "us-east" },
          { model: "eu/gpt-4o", tags: ["paid"], region: "eu" },
        ],
        fallbacks: { general: ["spare"] },
      },
      spare: { deployments: [{ model: "spare/gpt-4o" }] },
      plain: { deployments: [{ model: "us/gpt-4o" }], fallbacks: ["spare"] },
      "wild-*": { deployments: [{ model: "spare/*" }] },
    },
    default_fallbacks: ["spare"],
    aliases: { "claude-3-5-haiku-latest": "plain", "gpt-3*": "spare" },
    keys: {
      free: { key: keys.free, aliases: { mine: "claude-3-5-haiku-latest", quick: "plain:nitro" } },
      limited: {
        key: keys.limited,
        models: ["plain", "us/gpt-4o-mini"],
        aliases: { dear: "spare" },
      },
      fixed: { key: keys.fixed, overrides: false, aliases: { quick: "plain:nitro" } },
      none: { key: keys.none, models: [] },
    },
  });
});
afterEach(() => {
  for (const each of upstreams.values()) each.reset();
});
afterAll(async () => {
  await running.close();
  for (const each of upstreams.values()) await each.stop();
});

interface Ask {
  key?: keyof typeof keys;
  headers?: Record<string, string>;
  body?: object;
}

const call = (path: string, { key = "free", headers = {}, body }: Ask): Promise<Response> =>
  running.fetch(path, {
    method: body ? "POST" : "GET",
    headers: {
      authorization: `Bearer ${keys[key]}`,
      "content-type": "application/json",
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });

const chat = (model: string, ask: Ask = {}): Promise<Response> =>
  call("/v1/chat/completions", {
    ...ask,
    body: { model, messages: [{ role: "user", content: "Hi" }], ...ask.body },
  });

const outcome = async (asked: Promise<Response>): Promise<string | number> => {
  const answer = await asked;
  await answer.text();
  return answer.ok ? (answer.headers.get("x-megallm-provider") ?? "nobody") : answer.status;
};

const sent = (name: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(upstreams.get(name)?.requests.at(-1)?.body ?? "{}").toString());

describe("tags", () => {
  test.each([
    ["none", {}, "us"],
    ["header", { headers: { "x-megallm-tags": "paid" } }, "eu"],
    ["LiteLLM's header", { headers: { "x-litellm-tags": "other, paid" } }, "eu"],
    ["body", { body: { tags: ["paid"] } }, "eu"],
    ["body, as a text", { body: { tags: "paid" } }, "eu"],
    ["metadata", { body: { metadata: { tags: ["paid"] } } }, "eu"],
    ["metadata of more", { body: { store: true, metadata: { tags: ["paid"], a: "b" } } }, "eu"],
    ["of nobody", { body: { tags: ["x"] } }, "us"],
    ["OpenAI's own metadata", { body: { store: true, metadata: { tags: "paid" } } }, "us"],
    ["empty", { headers: { "x-megallm-tags": "" } }, "us"],
    ["a wrong type", { body: { tags: 3 } }, 400],
    ["too many", { body: { tags: Array.from({ length: 51 }, (_, at) => `t${at}`) } }, 400],
  ] as [string, Ask, string | number][])("%s", async (_name, ask, expected) => {
    expect(await outcome(chat("smart", ask))).toBe(expected);
  });

  test("leave with nobody", async () => {
    await outcome(
      chat("smart", {
        body: { store: true, tags: ["paid"], metadata: { tags: ["paid"], a: "b" } },
      }),
    );
    expect(sent("eu")["metadata"]).toEqual({ a: "b" });
    expect(sent("eu")["tags"]).toBeUndefined();
    await outcome(chat("smart", { body: { store: true, metadata: { tags: "paid" } } }));
    expect(sent("us")["metadata"]).toEqual({ tags: "paid" });
  });

  test("S55 a key that may not choose cannot choose by them", async () => {
    const refused = [
      chat("smart", { key: "fixed", body: { tags: ["paid"] } }),
      chat("smart", { key: "fixed", headers: { "x-megallm-tags": "paid" } }),
      chat("smart", { key: "fixed", headers: { "x-megallm-region": "eu" } }),
    ];
    expect(await Promise.all(refused.map(outcome))).toEqual([403, 403, 403]);
    // These are sent for accounts, too.
    const labelled = chat("smart", { key: "fixed", body: { metadata: { tags: ["paid"] } } });
    expect(await outcome(labelled)).toBe("us");
    expect(sent("us")["metadata"]).toBeUndefined();
  });

  test("S55 nor do they reach what a key may not use", async () => {
    expect(await outcome(chat("smart", { key: "limited", body: { tags: ["paid"] } }))).toBe(403);
  });
});

describe("region", () => {
  test.each([
    ["eu", "smart", {}, 400],
    ["eu", "smart", { "x-megallm-tags": "paid" }, "eu"],
    ["us", "smart", {}, "us"],
    ["ap", "smart", {}, 400],
    ["eu", "us/gpt-4o", {}, 400],
    ["e u", "smart", {}, 400],
  ])("%s, of %s with %j", async (region, model, more, expected) => {
    const headers = { "x-megallm-region": region, ...more };
    expect(await outcome(chat(model, { headers }))).toBe(expected);
  });

  test("is kept, whatever fails", async () => {
    upstreams.get("us")?.script({
      kind: "error",
      status: 503,
      type: "server_error",
      message: "The server is overloaded.",
    });
    const answer = await chat("smart", { headers: { "x-megallm-region": "us" } });
    expect(answer.status).toBe(502);
    expect(upstreams.get("spare")?.requests).toHaveLength(0);
  });
});

describe("aliases", () => {
  test.each([
    ["claude-3-5-haiku-latest", {}, "us"],
    ["gpt-3.5-turbo", {}, "spare"],
    ["gpt-3.5-turbo:floor", {}, "spare"],
    ["claude-3-5-haiku-latest:floor", {}, "us"],
    ["mine", {}, "us"],
    ["mine", { key: "limited" }, 403],
    ["dear", { key: "limited" }, 403],
    ["claude-3-5-haiku-latest", { key: "limited" }, "us"],
    ["gpt-3.5-turbo", { key: "limited" }, 403],
    // The ending that the operator wrote is no wish of the client's.
    ["quick", { key: "fixed" }, "us"],
    ["claude-3-5-haiku-latest:floor", { key: "fixed" }, 403],
  ] as [string, Ask, string | number][])("%s of %j → %p", async (model, ask, expected) => {
    expect(await outcome(chat(model, ask))).toBe(expected);
  });

  test("the answer names the model that was asked, as it does for routes", async () => {
    const names = await Promise.all(
      ["claude-3-5-haiku-latest", "plain"].map(async (model) => {
        const answer = (await (await chat(model)).json()) as { model: string };
        return answer.model;
      }),
    );
    expect(names[0]?.replace("claude-3-5-haiku-latest", "plain")).toBe(names[1] ?? "");
  });

  test("of other operations", async () => {
    const body = { model: "embed", input: "Hi" };
    expect(await outcome(call("/v1/embeddings", { body }))).toBe(404);
    expect(
      await outcome(
        call("/v1/embeddings", { body: { ...body, model: "us/text-embedding-3-small" } }),
      ),
    ).toBe("us");
  });
});

describe("S21 a key limited to some models", () => {
  test.each([
    ["what it may use", "plain", {}, "us"],
    ["a model that it may use", "us/gpt-4o-mini", {}, "us"],
    ["another route", "spare", {}, 403],
    ["the provider's path of what a route would give it", "us/gpt-4o", {}, 403],
    ["a wildcard", "wild-gpt-4o", {}, 403],
    ["an ending", "spare:floor", {}, 403],
    ["what nobody has", "nobody", {}, 403],
    ["a fallback of its own", "plain", { models: ["spare"] }, "us"],
    ["a fallback alone", "spare", { models: ["wild-gpt-4o"] }, 403],
  ])("%s", async (_how, model, body, expected) => {
    expect(await outcome(chat(model, { key: "limited", body }))).toBe(expected);
    expect(upstreams.get("spare")?.requests).toHaveLength(0);
  });

  test("is not helped out by fallbacks that it may not use", async () => {
    const down = {
      kind: "error",
      status: 503,
      type: "server_error",
      message: "overloaded",
    } as const;
    upstreams.get("us")?.script([down, down]);
    expect((await chat("plain", { key: "limited" })).status).toBe(502);
    expect((await chat("us/gpt-4o-mini", { key: "limited" })).status).toBe(502);
    expect(upstreams.get("spare")?.requests).toHaveLength(0);
  });

  test("other operations and providers' own paths", async () => {
    const key = "limited";
    const asked = [
      call("/v1/embeddings", { key, body: { model: "us/text-embedding-3-small", input: "Hi" } }),
      call("/v1/images/generations", { key, body: { model: "spare", prompt: "Hi" } }),
      call("/v1/messages", { key, body: { model: "spare", max_tokens: 9, messages: [] } }),
      call("/v1/responses", { key, body: { model: "spare", input: "Hi" } }),
      call("/v1beta/models/spare:generateContent", { key, body: { contents: [] } }),
      call("/openai/us/v1/chat/completions", { key, body: { model: "gpt-4o", messages: [] } }),
      call("/v1/files", { key, headers: { "x-megallm-provider": "spare" } }),
    ];
    const outcomes = await Promise.all(asked.map(outcome));
    for (const each of outcomes) expect([403, 404]).toContain(Number(each));
    expect([...upstreams.values()].every(({ requests }) => requests.length === 0)).toBe(true);
  });

  test("sees in the list what it may use", async () => {
    const ids = async (key: keyof typeof keys): Promise<string[]> => {
      const list = (await (await call("/v1/models", { key })).json()) as { data: { id: string }[] };
      return list.data.map(({ id }) => id);
    };
    expect(await ids("limited")).toEqual(["plain", "claude-3-5-haiku-latest", "us/gpt-4o-mini"]);
    expect(await ids("none")).toEqual([]);
    expect(await ids("free")).toEqual(
      expect.arrayContaining(["smart", "wild-gpt-4o", "spare/gpt-4o"]),
    );
    const tags = (await (await call("/api/tags", { key: "limited" })).json()) as {
      models: unknown[];
    };
    expect(tags.models).toHaveLength(3);
    expect((await call("/v1/models/spare", { key: "limited" })).status).toBe(404);
  });
});
