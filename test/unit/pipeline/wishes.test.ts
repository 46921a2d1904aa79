// What a request wishes of its routing, and keys that allow no wishes.
import { describe, expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import { inspect } from "../../../src/pipeline/inbound.ts";
import { noWishes, wishesOf } from "../../../src/pipeline/wishes.ts";
import { endingOf } from "../../../src/routing/aliases.ts";

const wish = (body: object, headers: Record<string, string> = {}, overrides?: boolean) => {
  const request = new Request("http://localhost/v1/chat/completions", { method: "POST", headers });
  const bytes = Buffer.from(JSON.stringify({ model: "m", messages: [], ...body }));
  const asked = { dialect: dialects["openai-chat"], operation: "chat" } as const;
  return wishesOf(inspect(bytes, request, asked), {
    key: "k",
    ...(overrides !== undefined && { overrides }),
  });
};

describe("a key that forbids overrides", () => {
  test.each([
    ["provider", { provider: {} }, {}],
    ["models", { models: [] }, {}],
    ["x-megallm-policy", {}, { "x-megallm-policy": "first" }],
  ] as [string, object, Record<string, string>][])("%s", (name, body, headers) => {
    expect(() => wish(body, headers, false)).toThrow(`\`${name}\``);
    expect(() => wish(body, headers, true)).not.toThrow();
    expect(() => wish(body, headers)).not.toThrow();
  });

  test("what routes nothing is no override", () => {
    expect(wish({ usage: { include: true } }, {}, false).fields).toEqual(["usage"]);
    expect(wish({}, {}, false)).toBe(noWishes);
  });
});

test("all of it is read", () => {
  const provider = {
    order: ["A"],
    only: ["a", "B"],
    ignore: null,
    sort: { by: "latency" },
    max_price: { prompt: "1.5", completion: 0, image: 1 },
    require_parameters: false,
    allow_fallbacks: true,
    data_collection: "deny",
  };
  const headers = {
    "x-megallm-policy": "balanced",
    "x-megallm-fallbacks": "h",
    "x-megallm-timeout-ms": "250",
  };
  const body = { provider, models: ["a"], fallbacks: ["b", { model: "c", api_key: "x" }] };
  const { unmet, ...wishes } = wish({ ...body, num_retries: 99 }, headers);
  expect(wishes).toEqual({
    policy: "balanced",
    timeoutMs: 250,
    retries: 10,
    fallbacks: ["h", "a", "b", "c"],
    provider: {
      order: ["a"],
      only: ["a", "b"],
      sort: "lowest-latency",
      maxPrice: { prompt: 1.5, completion: 0 },
      requireParameters: false,
      allowFallbacks: true,
    },
    fields: ["models", "provider", "fallbacks", "num_retries"],
  });
  expect(unmet.map(({ field }) => field)).toEqual([
    "fallbacks[1].api_key",
    "provider.data_collection",
    "provider.max_price.image",
  ]);
});

test("name endings", () => {
  expect(endingOf("gpt-4o:floor")).toEqual({ name: "gpt-4o", policy: "lowest-cost" });
  expect(endingOf("a/b:nitro")).toEqual({ name: "a/b", policy: "highest-throughput" });
  for (const name of ["gpt-4o", "llama3:8b", ":floor", "m:floor:free", "m:Floor"]) {
    expect(endingOf(name)).toBeUndefined();
  }
});
