// Bare model names: who is asked when a client names no provider.
import { describe, expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { providers } from "../../../src/providers/index.ts";
import { createRouter } from "../../../src/routing/router.ts";

const known: Record<string, string[]> = {
  anthropic: ["claude-sonnet-4-5", "claude-3-7-sonnet-20250219"],
  openai: ["gpt-4o", "gpt-4o-2024-05-13", "shared"],
  groq: ["shared"],
};

function ask(name: string, settings: Record<string, object> = {}): Promise<string> {
  const config = {
    providers: Object.fromEntries(
      Object.keys(known).map((provider) => [provider, { api_key: "k", ...settings[provider] }]),
    ),
  };
  const { config: resolved } = configFromObject(config, { env: {}, presets: providers });
  return createRouter(resolved, async (provider) => known[provider.name] ?? [])
    .candidates(name)
    .then(
      (found) => found.map(({ provider, model }) => `${provider.name}/${model}`).join(" "),
      (error) => (error instanceof GatewayError ? error.code : String(error)),
    );
}

describe("bare names", () => {
  test.each([
    ["gpt-4o", "openai/gpt-4o"],
    ["claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5-20250929"],
    ["claude-3-7-sonnet-latest", "anthropic/claude-3-7-sonnet-latest"],
    ["gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"],
    ["gpt-4o-mini-2024-07-18", "model_not_found"],
    ["claude-3-7-sonnet", "model_not_found"],
    ["shared", "model_not_found"],
    ["shared-2026-01-01", "model_not_found"],
  ])("%s → %s", async (name, expected) => {
    expect(await ask(name)).toBe(expected);
  });

  test("a list that the operator wrote is final", async () => {
    const closed = { anthropic: { models: ["claude-sonnet-4-5"] } };
    expect(await ask("claude-sonnet-4-5", closed)).toBe("anthropic/claude-sonnet-4-5");
    expect(await ask("claude-sonnet-4-5-20250929", closed)).toBe("model_not_found");
  });
});
