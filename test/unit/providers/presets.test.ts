// What holds for every provider in the list.
import { describe, expect, test } from "bun:test";
import { renderProviders } from "../../../src/providers/describe.ts";
import { findProvider, providers } from "../../../src/providers/index.ts";
import type { Provider } from "../../../src/providers/provider.ts";
import { Secret } from "../../../src/lib/secret.ts";

test("ids are unique and can stand before a slash", () => {
  const ids = providers.map((provider) => provider.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z0-9]+(?:[_-][a-z0-9]+)*$/);
  expect(findProvider("openai")?.label).toBe("OpenAI");
  expect(findProvider("nobody")).toBeUndefined();
});

test("every preset file is in the list, under its own name", () => {
  const files = [
    ...new Bun.Glob("*.ts").scanSync(`${import.meta.dir}/../../../src/providers/presets`),
  ];
  const ids = new Set(providers.map((provider) => provider.id.replaceAll("_", "-")));
  expect(files.filter((file) => !ids.has(file.replace(/\.ts$/, "")))).toEqual([]);
  expect(files.length).toBe(providers.length - 1);
});

describe.each(providers.map((provider) => [provider.id, provider] as const))(
  "%s",
  (_id, provider) => {
    test("is described soundly", () => {
      expect(provider.label).not.toBe("");
      expect(URL.parse(provider.docs)?.protocol).toBe("https:");
      for (const name of provider.env) expect(name).toMatch(/^[A-Z][A-Z0-9_]*$/);
      expect(Object.values(provider.speaks).flat().length).toBeGreaterThan(0);
      expect(provider.speaks.chat?.length).toBeGreaterThan(0);
    });

    test("has a base URL over TLS unless it is on this machine", () => {
      const bases = [
        provider.baseUrl,
        ...Object.values(provider.speaks)
          .flat()
          .map((each) => each.baseUrl),
      ];
      for (const base of bases) {
        if (base === undefined) continue;
        expect(base).toMatch(provider.local ? /^http:\/\/127\.0\.0\.1:\d+\// : /^https:\/\//);
        expect(base).not.toMatch(/[?#]|\/$/);
      }
    });

    test("declares every placeholder it uses", () => {
      const text = JSON.stringify([provider.baseUrl, provider.speaks, provider.modelsUrl]);
      const used = [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
      expect([...new Set(used)].toSorted()).toEqual(
        Object.keys(provider.urlSettings ?? {}).toSorted(),
      );
    });

    test("a hosted one needs a key", () => {
      if (provider.baseUrl !== undefined && !provider.local)
        expect(provider.env.length).toBeGreaterThan(0);
    });
  },
);

/** The headers a request to each wire of this provider carries. */
function signed(provider: Provider, dialect: string): Record<string, string> {
  const endpoint = provider.speaks.chat!.find((each) => each.dialect === dialect)!;
  const headers = new Headers({ ...provider.headers, ...endpoint.headers });
  const authorize = endpoint.authorize ?? provider.authorize;
  authorize(headers, { apiKey: new Secret("k-1") });
  return headers.toJSON();
}

describe("keys", () => {
  test.each([
    ["openai", "openai-chat", { authorization: "Bearer k-1" }],
    ["groq", "openai-chat", { authorization: "Bearer k-1" }],
    ["azure", "openai-chat", { "api-key": "k-1" }],
    ["anthropic", "anthropic-messages", { "x-api-key": "k-1", "anthropic-version": "2023-06-01" }],
    [
      "anthropic-compatible",
      "anthropic-messages",
      { "x-api-key": "k-1", "anthropic-version": "2023-06-01" },
    ],
    ["deepseek", "openai-chat", { authorization: "Bearer k-1" }],
    ["deepseek", "anthropic-messages", { "x-api-key": "k-1", "anthropic-version": "2023-06-01" }],
    [
      "openrouter",
      "anthropic-messages",
      { authorization: "Bearer k-1", "anthropic-version": "2023-06-01" },
    ],
    [
      "snowflake",
      "anthropic-messages",
      { authorization: "Bearer k-1", "anthropic-version": "2023-06-01" },
    ],
  ])("%s, %s", (id, dialect, expected) => {
    expect(signed(findProvider(id)!, dialect)).toEqual(expected);
  });

  test("go in exactly one header, everywhere", () => {
    for (const provider of providers) {
      for (const { dialect } of provider.speaks.chat!) {
        const carrying = Object.entries(signed(provider, dialect)).filter(([, value]) =>
          value.includes("k-1"),
        );
        expect([provider.id, carrying.length]).toEqual([provider.id, 1]);
        expect(["authorization", "x-api-key", "api-key"]).toContain(carrying[0]![0]);
      }
    }
  });

  test("without a key there is no header", () => {
    for (const provider of providers) {
      for (const endpoint of provider.speaks.chat!) {
        const headers = new Headers();
        (endpoint.authorize ?? provider.authorize)(headers, {});
        expect([...headers.keys()]).toEqual([]);
      }
    }
  });
});

test("the page names every provider, and says who is unverified", () => {
  const page = renderProviders(providers);
  for (const provider of providers) {
    expect(page).toContain(`| \`${provider.id}\` | [${provider.label}](${provider.docs})`);
    expect(page).toContain(`\n### ${provider.id}\n`);
  }
  expect(page).toContain("| `ai302` | [302.AI](https://doc-en.302.ai/) *(unverified)* |");
  expect(page).toContain(
    "- setting `region` (`$AWS_REGION`, `$AWS_DEFAULT_REGION`): AWS region, e.g. `us-east-1`",
  );
  expect(page).toContain("- anthropic-messages: `https://api.deepseek.com/anthropic`");
  expect(page).not.toContain("undefined");
});
