// Routes with a star: who takes a name, what is sent, and what is listed.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { providers as presets } from "../../../src/providers/index.ts";
import { createRouter } from "../../../src/routing/router.ts";

const known: Record<string, readonly string[]> = {
  openai: ["gpt-4o", "gpt-4o-mini", "shared"],
  claude: ["claude-sonnet-4-5", "shared"],
};

const load = (models: Record<string, unknown>) =>
  configFromObject(
    {
      providers: {
        openai: { api_key: "k" },
        claude: { type: "anthropic", api_key: "k" },
        listed: { type: "openai-compatible", base_url: "http://127.0.0.1:1/v1", models: ["one"] },
      },
      models,
    },
    { env: {}, presets },
  );

const routerOf = (models: Record<string, unknown>) =>
  createRouter(load(models).config, async ({ name }) => known[name] ?? []);

const routes = {
  "claude-*": "claude/claude-*",
  "claude-opus-*": "openai/gpt-4o",
  "oai/*": "claude/*",
  "*-latest": "openai/*",
  fixed: "openai/gpt-4o-mini",
  "*": "openai/gpt-4o-mini",
};

describe("names", () => {
  const router = routerOf(routes);
  test.each([
    ["fixed", "openai/gpt-4o-mini"],
    ["claude-sonnet-4-5", "claude/claude-sonnet-4-5"],
    ["claude-opus-9", "openai/gpt-4o"],
    ["oai/gpt-4o", "claude/gpt-4o"],
    ["gpt-4o-latest", "openai/gpt-4o"],
    ["claude/x", "claude/x"],
    ["gpt-4o", "openai/gpt-4o"],
    ["shared", "openai/gpt-4o-mini"],
    ["whatever-an-agent-asks-for", "openai/gpt-4o-mini"],
    ["claude-", "openai/gpt-4o-mini"],
  ])("%s goes to %s", async (name, expected) => {
    const [first] = await router.candidates(name);
    expect(`${first?.provider.name}/${first?.model}`).toBe(expected);
  });

  test("without a catch-all an unknown name is not served", () => {
    const { "*": _all, ...some } = routes;
    expect(routerOf(some).candidates("nobody-has-this")).rejects.toThrow("not served");
  });

  test("a model that the provider does not list is left out", () => {
    const limited = routerOf({ "mine-*": "listed/*" });
    expect(limited.candidates("mine-two")).rejects.toThrow("no deployment");
  });
});

test("names are listed as far as the models are known, stars never", async () => {
  const ids = (await routerOf(routes).list()).map(({ id }) => id);
  expect(ids).toContain("claude-sonnet-4-5");
  expect(ids).toContain("gpt-4o-latest");
  expect(ids).toContain("oai/claude-sonnet-4-5");
  expect(ids.filter((id) => id.includes("*"))).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each([
  ["two stars", { "a*b*": "openai/gpt-4o" }, "at most one"],
  ["a star only in the target", { a: "openai/gpt-*" }, "could stand for it"],
])("%s is a problem", (_name, models, message) => {
  expect(() => load(models)).toThrow(ConfigError);
  expect(() => load(models)).toThrow(message);
});
