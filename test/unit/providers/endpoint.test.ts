// How base URLs, paths and settings become a URL.
import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { defineCompatible } from "../../../src/providers/compatible.ts";
import { endpointsFor, resolveEndpoint } from "../../../src/providers/endpoint.ts";
import { findProvider, providers } from "../../../src/providers/index.ts";
import type { Provider } from "../../../src/providers/provider.ts";

const need = (id: string): Provider => findProvider(id)!;

function url(
  id: string,
  dialect: string,
  baseUrl?: string,
  settings?: Record<string, string>,
): string {
  const provider = need(id);
  const endpoint = provider.speaks.chat!.find((each) => each.dialect === dialect)!;
  return resolveEndpoint(provider, endpoint, { baseUrl, settings }).href;
}

describe("an operator's base URL", () => {
  test.each([
    ["http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/messages"],
    ["http://127.0.0.1:9000/", "http://127.0.0.1:9000/v1/messages"],
    ["http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1/messages"],
    ["http://127.0.0.1:9000/v1//", "http://127.0.0.1:9000/v1/messages"],
    ["https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"],
    ["https://api.deepseek.com/anthropic", "https://api.deepseek.com/anthropic/v1/messages"],
    ["https://host.example/apiv1", "https://host.example/apiv1/v1/messages"],
    ["https://host.example/v2", "https://host.example/v2/v1/messages"],
  ])("anthropic: %s", (baseUrl, expected) => {
    expect(url("anthropic", "anthropic-messages", baseUrl)).toBe(expected);
    expect(url("anthropic-compatible", "anthropic-messages", baseUrl)).toBe(expected);
  });

  test.each([
    ["http://127.0.0.1:9000", "http://127.0.0.1:9000/v1/chat/completions"],
    ["http://127.0.0.1:9000/", "http://127.0.0.1:9000/v1/chat/completions"],
    ["http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1/chat/completions"],
    ["http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1/chat/completions"],
    ["http://127.0.0.1:9000/openai", "http://127.0.0.1:9000/openai/chat/completions"],
    ["http://[::1]:9000", "http://[::1]:9000/v1/chat/completions"],
  ])("openai: %s", (baseUrl, expected) => {
    expect(url("openai", "openai-chat", baseUrl)).toBe(expected);
    expect(url("openai-compatible", "openai-chat", baseUrl)).toBe(expected);
  });

  test("gets no version where the provider has none", () => {
    for (const id of ["perplexity", "github", "github_copilot"]) {
      expect(url(id, "openai-chat", "http://127.0.0.1:9000")).toBe(
        "http://127.0.0.1:9000/chat/completions",
      );
    }
  });

  test("replaces every base URL of every provider", () => {
    for (const provider of providers) {
      for (const endpoint of Object.values(provider.speaks).flat()) {
        const { host } = resolveEndpoint(provider, endpoint, {
          baseUrl: "http://127.0.0.1:9000",
          model: "some/model",
          settings: Object.fromEntries(
            Object.entries(provider.urlSettings ?? {}).map(([name, { example }]) => [
              name,
              example,
            ]),
          ),
        });
        expect(host).toBe("127.0.0.1:9000");
      }
    }
  });

  test.each([
    "ftp://host.example",
    "host.example",
    "file:///etc/passwd",
    "http://host.example/v1?key=a",
    "http://host.example/v1?",
    "http://host.example/v1#a",
    "http://user:secret@host.example/v1",
    "",
  ])("is refused: `%s`", (baseUrl) => {
    expect(() => url("openai", "openai-chat", baseUrl)).toThrow(GatewayError);
  });

  test("is needed where there is no other", () => {
    expect(() => url("openai-compatible", "openai-chat")).toThrow(/give its `base_url`/);
  });
});

describe("settings (S11)", () => {
  const acme = defineCompatible({
    id: "acme",
    label: "Acme",
    docs: "https://acme.example",
    baseUrl: "https://{region}.acme.example/{project}/v1",
    urlSettings: {
      region: { description: "Region", pattern: /^[a-z]+-\d$/, example: "eu-1", default: "us-1" },
      // Deliberately open: what could change the URL is refused all the same.
      project: { description: "Project", pattern: /./, example: "p" },
    },
  });
  const resolve = (settings: Record<string, string>): string =>
    resolveEndpoint(acme, acme.speaks.chat![0]!, { settings }).href;

  test("fill the placeholders, encoded", () => {
    expect(resolve({ project: "p 1".replace(" ", "_") })).toBe(
      "https://us-1.acme.example/p_1/v1/chat/completions",
    );
    expect(resolve({ region: "eu-1", project: "näme+&=" })).toBe(
      "https://eu-1.acme.example/n%C3%A4me%2B%26%3D/v1/chat/completions",
    );
  });

  test.each([
    "a/b",
    "a?b",
    "a#b",
    "a@b",
    "a%2fb",
    "%23",
    "%2e%2e",
    "a\\b",
    "..",
    ".",
    "",
    "a b",
    "a\nb",
    "a\u0000",
  ])("refuse %j", (project) => {
    expect(() => resolve({ project })).toThrow(/malformed value for its setting `project`/);
  });

  test("must fit their own pattern, and must be there", () => {
    expect(() => resolve({ region: "EU", project: "p" })).toThrow(/`region`/);
    expect(() => resolve({})).toThrow(/no value for its setting `project`/);
    expect(() => resolve(Object.create({ project: "p" }) as Record<string, string>)).toThrow(
      /no value/,
    );
  });

  test("refuse hostile values in every shipped provider", () => {
    const hostile = [
      "a/b",
      "x.evil.test/",
      "a#",
      "a?",
      "a@evil.test",
      "%2e%2e",
      "a\\b",
      "evil.test%23",
    ];
    for (const provider of providers) {
      for (const [name, setting] of Object.entries(provider.urlSettings ?? {})) {
        const { source, flags } = setting.pattern;
        expect([provider.id, name, source.startsWith("^") && source.endsWith("$")]).toEqual([
          provider.id,
          name,
          true,
        ]);
        expect(flags).toBe("");
        expect(setting.pattern.test(setting.example)).toBe(true);
        if (setting.default !== undefined) expect(setting.pattern.test(setting.default)).toBe(true);
        for (const value of hostile)
          expect([name, value, setting.pattern.test(value)]).toEqual([name, value, false]);
      }
    }
  });
});

test.each(["..", "a/../b", "../a", "a/.", "a\\..\\b", "./a", "a\nb", "a\u0000", ""])(
  "a model's name that could lead out of its path is none: %j",
  (model) => {
    const provider = need("gemini");
    const endpoint = endpointsFor(provider, "chat", "m").find(({ path }) =>
      path.includes("{model}"),
    );
    if (!endpoint) throw new Error("no endpoint with the model in its path");
    expect(() => resolveEndpoint(provider, endpoint, { model })).toThrow(
      /is not the name of a model/,
    );
    expect(resolveEndpoint(provider, endpoint, { model: "a/..b/c.d" }).pathname).toContain(
      "a%2F..b%2Fc.d",
    );
  },
);

test("endpoints are chosen by model where a provider splits its wires", () => {
  const dialects = (id: string, model: string): string[] =>
    endpointsFor(need(id), "chat", model).map((endpoint) => endpoint.dialect);
  expect(dialects("opencode_zen", "claude-opus-4-5")).toEqual(["anthropic-messages"]);
  expect(dialects("opencode_zen", "glm-4.6")).toEqual(["openai-chat"]);
  expect(dialects("opencode_zen", "gpt-5")).toEqual(["openai-responses"]);
  expect(dialects("opencode_zen", "gemini-3-pro")).toEqual(["gemini"]);
  for (const model of [
    "gpt-5-pro",
    "gpt-5.2-pro-2025-12-11",
    "o1-pro",
    "gpt-5.1-codex-max",
    "o3-deep-research",
  ]) {
    expect(dialects("openai", model)).toEqual(["openai-responses"]);
  }
  for (const model of ["gpt-5", "gpt-5.2", "o3", "ft:gpt-4o:acme::1"]) {
    expect(dialects("openai", model)).toEqual(["openai-chat", "openai-responses"]);
  }
  expect(dialects("snowflake", "claude-sonnet-4-5")).toEqual(["openai-chat", "anthropic-messages"]);
  expect(dialects("snowflake", "llama3.1-70b")).toEqual(["openai-chat"]);
  expect(dialects("deepseek", "deepseek-chat")).toEqual([
    "openai-chat",
    "openai-responses",
    "anthropic-messages",
  ]);
  expect(endpointsFor(need("groq"), "moderations", "x")).toEqual([]);
});

test.each([
  ["ollama", "ollama", "http://10.0.0.5:11434", "http://10.0.0.5:11434/api/chat"],
  ["ollama", "ollama", "http://10.0.0.5:11434/v1", "http://10.0.0.5:11434/api/chat"],
  ["ollama", "ollama", "http://10.0.0.5/ollama/v1/", "http://10.0.0.5/ollama/api/chat"],
  ["ollama", "openai-chat", "http://10.0.0.5:11434", "http://10.0.0.5:11434/v1/chat/completions"],
  ["gemini", "gemini", "http://10.0.0.5", "http://10.0.0.5/v1beta/models/a%2Fb:generateContent"],
  [
    "gemini",
    "gemini",
    "http://10.0.0.5/v1beta",
    "http://10.0.0.5/v1beta/models/a%2Fb:generateContent",
  ],
  [
    "gemini",
    "openai-chat",
    "http://10.0.0.5/v1beta",
    "http://10.0.0.5/v1beta/openai/chat/completions",
  ],
  ["cohere", "cohere", "http://10.0.0.5", "http://10.0.0.5/v2/chat"],
  ["cohere", "cohere", "http://10.0.0.5/v2", "http://10.0.0.5/v2/chat"],
  [
    "cohere",
    "openai-chat",
    "http://10.0.0.5/v2",
    "http://10.0.0.5/compatibility/v1/chat/completions",
  ],
] as const)("%s, %s at %s", (id, dialect, baseUrl, expected) => {
  const provider = need(id);
  const endpoint = provider.speaks.chat!.find((each) => each.dialect === dialect)!;
  expect(resolveEndpoint(provider, endpoint, { baseUrl, model: "a/b" }).href).toBe(expected);
});
