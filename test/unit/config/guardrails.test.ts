// `guardrails:` as users write it: what each type needs, what it may not have, and who may name it.
import { describe, expect, test } from "bun:test";
import type { Config } from "../../../src/config/config.ts";
import { piiKinds } from "../../../src/config/guardrails.ts";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { presets } from "./presets.ts";

const read = (config: Record<string, unknown>): Config =>
  configFromObject(config, { env: {}, presets }).config;

function problems(config: Record<string, unknown>): string[] {
  try {
    read(config);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}

const settings = (entry: Record<string, unknown>) =>
  read({ guardrails: { mine: entry } }).guardrails.get("mine");

describe("what is read", () => {
  test("the words of a list, blocked both ways unless it says otherwise", () => {
    expect(settings({ type: "words", words: ["zebra"] })).toEqual({
      name: "mine",
      mode: "both",
      action: "block",
      defaultOn: false,
      unreadable: "block",
      options: { type: "words", words: ["zebra"], anywhere: false },
    });
  });

  test("all kinds, or those that are named", () => {
    expect(settings({ type: "pii" })?.options).toEqual({ type: "pii", kinds: piiKinds });
    expect(settings({ type: "secrets", kinds: ["jwt"] })?.options).toEqual({
      type: "secrets",
      kinds: ["jwt"],
    });
  });

  test("a schema looks at answers; a mask lets through what cannot be read", () => {
    expect(settings({ type: "json_schema", schema: { type: "object" } })?.mode).toBe("output");
    expect(settings({ type: "pii", action: "mask" })?.unreadable).toBe("allow");
    expect(settings({ type: "pii", action: "mask", unreadable: "block" })?.unreadable).toBe(
      "block",
    );
  });

  test("nothing of a webhook's address and secret is shown", () => {
    const secret = "0123456789-abcdefghij-ABCDEFGHIJ-xyz";
    const config = read({
      guardrails: {
        hook: {
          type: "webhook",
          url: "https://guard.example.com/path-of-it",
          secret,
          timeout: "2s",
        },
      },
    });
    const shown = JSON.stringify(redact(config));
    expect(shown).toContain("https://guard.example.com/***");
    expect(shown).not.toContain("path-of-it");
    expect(shown).not.toContain(secret);
  });
});

describe("what is refused", () => {
  test.each([
    [{ type: "words" }, "guardrails.mine.type: a guardrail of `type: words` needs `words`"],
    [
      { type: "regex", patterns: ["(a"] },
      "guardrails.mine.patterns[0]: a `(` without its `)`, at character 3",
    ],
    [{ type: "regex", patterns: ["(?=a)"] }, "lookahead"],
    [
      { type: "pii", words: ["a"] },
      "guardrails.mine.words: a guardrail of `type: pii` has no `words`",
    ],
    [{ type: "pii", kinds: ["jwt"] }, "guardrails.mine.kinds: `type: pii` knows email"],
    [{ type: "length" }, "needs `max_characters` or `max_tokens`"],
    [
      { type: "length", max_tokens: 1, action: "mask" },
      "guardrails.mine.action: `type: length` finds nothing",
    ],
    [{ type: "json_schema", schema: {}, mode: "input" }, "guardrails.mine.mode"],
    [{ type: "webhook", url: "ftp://x" }, "guardrails.mine.url: only http and https are used"],
    [{ type: "webhook", url: "https://x", secret: "short" }, "guardrails.mine.secret"],
    [{ type: "magic" }, "guardrails.mine.type"],
    [{ type: "words", words: [" "] }, "the word is empty"],
    [{ type: "words", words: ["a"], colour: "red" }, "unknown key `colour`"],
  ])("%j", (entry, expected) => {
    expect(problems({ guardrails: { mine: entry } }).join("\n")).toContain(expected);
  });

  test("names of guardrails that are not there", () => {
    const found = problems({
      guardrails: { personal: { type: "pii" } },
      keys: { app: { key: "key-of-app-0123456789", guardrails: ["persona"] } },
      providers: { openai: { api_key: "sk-0123456789" } },
      models: { m: { deployments: ["openai/gpt-4o"], guardrails: ["personal", "nobody"] } },
    });
    expect(found).toEqual([
      "models.m.guardrails[1]: no guardrail is named `nobody`",
      "keys.app.guardrails[0]: no guardrail is named `persona`",
    ]);
  });
});
