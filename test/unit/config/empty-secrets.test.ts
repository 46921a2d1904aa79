// A secret that is empty turns nothing off and opens nothing: the configuration is refused. (S25)
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { providers } from "../../../src/providers/index.ts";

const folder = mkdtempSync(join(tmpdir(), "megallm-empty-"));
for (const [name, text] of Object.entries({ empty: "", line: "\n", blank: " \n" })) {
  writeFileSync(join(folder, name), text);
}
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const empties = [
  '""',
  "' '",
  '"\\t"',
  '"\\u00a0"',
  '"\\u200b"',
  '"${EMPTY}"',
  '"${BLANK}"',
  '"${MISSING}"',
  '"${EMPTY:-}"',
  `"\${file:${join(folder, "empty")}}"`,
  `"\${file:${join(folder, "line")}}"`,
  `"\${file:${join(folder, "blank")}}"`,
  `"\${file:${join(folder, "nobody")}}"`,
  "[]",
  "{}",
  "false",
];

const places: Record<string, (secret: string) => string> = {
  "a client's key": (secret) => `keys: { app: ${secret} }`,
  "a client's key in a map": (secret) => `keys: { app: { key: ${secret}, models: [m] } }`,
  "the admin key": (secret) => `admin: { key: ${secret} }`,
  "the secret of virtual keys": (secret) => `admin: { key_secret: ${secret} }`,
  "a provider's key": (secret) => `providers: { openai: { api_key: ${secret} } }`,
  "one of a provider's keys": (secret) => `providers: { openai: { keys: [${secret}] } }`,
  "a webhook's secret": (secret) =>
    `alerts: { webhook: { url: "https://x.test/y", secret: ${secret} } }`,
  "a cloud's secret": (secret) =>
    `providers: { bedrock: { region: us-east-1, access_key_id: AKIAEXAMPLE, secret_access_key: ${secret} } }`,
  "the database": (secret) => `store: ${secret}`,
};

const refusal = (text: string): string => {
  try {
    parseConfig(text, {
      file: join(folder, "megallm.yaml"),
      env: { EMPTY: "", BLANK: "  " },
      presets: providers,
    });
    return "taken";
  } catch (error) {
    return error instanceof ConfigError ? "refused" : String(error);
  }
};

describe.each(Object.entries(places))("S25 %s", (_name, place) => {
  test.each(empties)("%s is refused", (secret) => {
    expect(refusal(place(secret))).toBe("refused");
  });
});

test("S25 a key of the configuration that is nothing at all is refused, too", () => {
  for (const text of [
    "keys: { app: }",
    "keys: { app: { key: } }",
    "keys: { app: { models: [m] } }",
  ]) {
    expect(refusal(text)).toBe("refused");
  }
});
