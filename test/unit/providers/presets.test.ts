// What holds for every provider in the list.
import { describe, expect, test } from "bun:test";
import { renderProviders } from "../../../src/providers/describe.ts";
import { findProvider, providers } from "../../../src/providers/index.ts";
import type { Credentials, Provider } from "../../../src/providers/provider.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { documentedElsewhere } from "./documented.ts";

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
      const endpoints = Object.values(provider.speaks).flat();
      for (const { path, streamPath = path } of endpoints) {
        for (const each of [path, streamPath]) expect(each).toMatch(/^\/[^?#]*[^/](?:\?[^?#]*)?$/);
      }
      // Whose API is like no other is reached by pass-through, so it needs an address.
      if (endpoints.length === 0) expect(provider.baseUrl).toBeDefined();
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
      const used = [...text.matchAll(/\{(\w+)\}/g)]
        .map((match) => match[1]!)
        .filter((name) => name !== "model");
      expect([...new Set(used)].toSorted()).toEqual(
        Object.keys(provider.urlSettings ?? {}).toSorted(),
      );
    });

    test("a hosted one needs a key", () => {
      if (provider.baseUrl !== undefined && !provider.local && !provider.keyless)
        expect(provider.env.length).toBeGreaterThan(0);
    });
  },
);

const noNetwork: Omit<Credentials, "apiKey"> = {
  settings: {},
  secrets: {},
  env: {},
  fetch: async () => {
    throw new Error("offline");
  },
};

/** The headers that the key puts on a request to an endpoint. */
async function signed(
  authorize: Provider["authorize"],
  apiKey: Secret | undefined,
): Promise<Record<string, string>> {
  const headers = new Headers();
  const url = new URL("https://vendor.example/v1/x");
  const credentials = { ...noNetwork, ...(apiKey && { apiKey }) };
  await authorize({ method: "POST", url, headers, body: "" }, credentials);
  return headers.toJSON();
}

/** Those that sign requests or exchange tokens are tested apart. */
const simple = providers.filter((provider) => !documentedElsewhere.includes(provider.id));

const waysOf = (provider: Provider): Provider["authorize"][] => [
  provider.authorize,
  ...Object.values(provider.speaks)
    .flat()
    .flatMap(({ authorize }) => authorize ?? []),
];

describe("keys", () => {
  test("go in exactly one header, everywhere", async () => {
    for (const provider of simple) {
      for (const authorize of waysOf(provider)) {
        const carrying = Object.entries(await signed(authorize, new Secret("k-1")));
        expect([provider.id, carrying.length]).toEqual([provider.id, 1]);
        expect(carrying[0]![1]).toEndWith("k-1");
      }
    }
  });

  test("without a key there is no header", async () => {
    for (const provider of simple) {
      for (const authorize of waysOf(provider)) {
        expect([provider.id, await signed(authorize, undefined)]).toEqual([provider.id, {}]);
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
    "- setting `account` (`$SNOWFLAKE_ACCOUNT`): Account identifier, e.g. `myorg-account1`",
  );
  expect(page).toContain("- anthropic-messages: `https://api.deepseek.com/anthropic`");
  const named = providers.filter((provider) => provider.baseUrl !== undefined).length;
  expect(page).toContain(`\n${named} named providers: `);
  expect(page).toContain("| `deepgram` | [Deepgram]");
  expect(page).toMatch(/\| `deepgram` .* \| pass-through \|/);
  expect(page).toMatch(/\| `cohere` .* \| cohere, chat, embeddings \(cohere, chat\), rerank \|/);
  expect(page.includes("undefined")).toBe(false);
});
