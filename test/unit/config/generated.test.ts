// What is made from the schema: references, JSON Schema, the example file and what `init` writes.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeConfig } from "../../../src/config/describe.ts";
import { renderConfig } from "../../../src/config/init.ts";
import type { SchemaNode } from "../../../src/config/json-schema.ts";
import { inputSchema, publishedSchema } from "../../../src/config/json-schema.ts";
import { loadConfig, parseConfig } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";
import { presets } from "./presets.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Every field of the configuration with its path. */
function fields(node: SchemaNode, path: string): [string, SchemaNode][] {
  const found: [string, SchemaNode][] = [];
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    found.push([`${path}.${name}`, child], ...fields(child, `${path}.${name}`));
  }
  if (typeof node.additionalProperties === "object") {
    found.push(...fields(node.additionalProperties, `${path}.*`));
  }
  if (node.items !== undefined) found.push(...fields(node.items, `${path}[]`));
  for (const form of node.anyOf ?? []) found.push(...fields(form, path));
  return found;
}

test("every generated file is fresh", () => {
  const run = Bun.spawnSync([process.execPath, "scripts/generate.ts", "--check"], { cwd: root });
  expect(run.stderr.toString()).toBe("");
  expect(run.exitCode).toBe(0);
});

test("every field has a description, an example, and a default unless it is required", () => {
  const all = fields(inputSchema(presets), "");
  expect(all.length).toBeGreaterThan(70);
  const required = new Set([
    ".keys.*.key",
    ".providers.*.keys[].key",
    ".models.*.deployments",
    ".models.*.deployments[].model",
    ".keys.*.budget.amount",
    ".budgets.gateway.amount",
    ".budgets.default_price.input",
    ".budgets.default_price.output",
    ".models.*.shadow.route",
    ".models.*.shadow.share",
    ".models.*.shadow[].route",
    ".models.*.shadow[].share",
    ".models.*.experiment.arms",
    ".alerts.webhook.url",
    ".alerts.webhook.secret",
    ".guardrails.*.type",
  ]);
  for (const [path, node] of all) {
    expect([path, node.description]).toEqual([path, expect.stringMatching(/\.$/)]);
    expect([path, node.examples]).toEqual([path, [expect.anything()]]);
    const isSection = /^\.\w+$/.test(path) && node.type === "object";
    const isPrice = /prices\.\*\.(?:input|output)$/.test(path);
    const known = node.default !== undefined || node.defaultText !== undefined;
    expect([path, known || isSection || isPrice || required.has(path)]).toEqual([path, true]);
  }
});

test("every example is accepted where it stands", () => {
  const env = new Proxy(
    {},
    {
      get: () => "0123456789abcdefghijklmnopqrstuvwxyz",
      has: () => true,
      getOwnPropertyDescriptor: () => ({ value: "x", configurable: true, enumerable: true }),
    },
  );
  for (const [name, node] of Object.entries(inputSchema(presets).properties ?? {})) {
    const config: Record<string, unknown> = {
      providers: { openai: { api_key: "k" } },
      [name]: node.examples?.[0],
    };
    if (name === "admin") config[name] = { key: "${ADMIN}" };
    const text = JSON.stringify(config);
    expect(() => parseConfig(text, { env, presets })).not.toThrow();
  }
});

describe("the published schema", () => {
  const schema = publishedSchema(presets) as SchemaNode;
  const at = (...path: string[]): SchemaNode | undefined => {
    let node: SchemaNode | undefined = schema;
    for (const step of path) {
      const next: SchemaNode | boolean | undefined =
        step === "*" ? node?.additionalProperties : node?.properties?.[step];
      node = typeof next === "object" ? next : undefined;
    }
    return node;
  };

  test("is strict, admits references, and keeps nothing of ours", () => {
    expect(schema.additionalProperties).toBe(false);
    expect(at("server", "port")?.default).toBe(6342);
    expect(JSON.stringify(at("server", "port")?.anyOf)).toContain("\\\\$\\\\{");
    expect(JSON.stringify(at("discover", "local")?.anyOf)).toContain("\\\\$\\\\{");
    expect(at("providers", "*", "type")?.anyOf?.[0]?.enum).toContain("anthropic");
    expect(at("providers", "*", "region")?.description).toContain("Region of the account");
    for (const ours of ['"kind":', '"secret":true', '"defaultText":', '"sample":', '"fallback":']) {
      expect(JSON.stringify(schema)).not.toContain(ours);
    }
  });

  test("has patterns that editors can read", () => {
    for (const match of JSON.stringify(schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)) {
      const pattern = JSON.parse(match[1] ?? '""') as string;
      expect(() => new RegExp(pattern, "u")).not.toThrow();
    }
  });
});

test("the reference names every field", () => {
  const text = describeConfig(presets);
  for (const [path] of fields(inputSchema(presets), "")) {
    if (path !== ".$schema") expect(text).toContain(`\`${path.replace(/^.*[.\]]/, "")}\``);
  }
  expect(text).toContain("### `models.<name>.deployments[]`");
  expect(text).not.toContain("undefined");
});

test("the repository's megallm.yaml passes without a warning, with nothing set", () => {
  const loaded = loadConfig({ path: `${root}megallm.yaml`, env: {}, presets: providers });
  expect(loaded.warnings).toEqual([]);
  expect(loaded.config.routes.size).toBe(4);
});

const variablesIn = (text: string): string[] =>
  [...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = ""]) => name);

test("each of its commented parts passes when it is put in", () => {
  const lines = readFileSync(`${root}megallm.yaml`, "utf8").split("\n").slice(1);
  const isCode = (line = ""): boolean => /^ *# (?: *[a-z_-]+:(?: |$)| *- )/.test(line);
  const starts = lines.flatMap((line, index) =>
    isCode(line) && !isCode(lines[index - 1]) ? [index] : [],
  );
  expect(starts.length).toBe(21);
  const env = Object.fromEntries(
    ["OPENAI_API_KEY", ...variablesIn(lines.join("\n"))].map((name) => [
      name,
      `${name}-0123456789`,
    ]),
  );
  for (const start of starts) {
    const count = lines.slice(start).findIndex((line) => !isCode(line));
    const part = lines.slice(start, start + count).map((line) => line.replace("# ", ""));
    const text = [...lines.slice(0, start), ...part, ...lines.slice(start + count)].join("\n");
    // Secret files of the examples are not on this machine.
    const here = text.replaceAll(/\$\{file:([^}]*)\}/g, "0123456789-abcdef$1");
    expect(() => parseConfig(here, { env, presets: providers })).not.toThrow();
  }
});

describe("what init writes", () => {
  test("passes and serves what was found", () => {
    const text = renderConfig({
      environment: [
        { provider: "openai", variable: "OPENAI_API_KEY" },
        { provider: "anthropic", variable: "ANTHROPIC_API_KEY" },
      ],
      local: [{ provider: "ollama", baseUrl: "http://127.0.0.1:11434/v1" }],
    });
    expect(text).toStartWith("# yaml-language-server: $schema=");
    const { config, warnings } = parseConfig(text, {
      env: { OPENAI_API_KEY: "a", ANTHROPIC_API_KEY: "b" },
      presets,
    });
    expect(warnings).toEqual([]);
    expect(config.providers.map(({ name }) => name)).toEqual([
      "demo",
      "openai",
      "anthropic",
      "ollama",
    ]);
  });

  test("a cloud whose credentials are on the machine needs no key in the file", () => {
    const text = renderConfig({ environment: [{ provider: "bedrock" }], local: [] });
    const { config } = parseConfig(text, { env: {}, presets: providers });
    expect(config.providers.map(({ name, keys }) => [name, keys.length])).toEqual([
      ["demo", 0],
      ["bedrock", 0],
    ]);
  });

  test("passes when nothing was found, and when its comments are taken away", () => {
    const text = renderConfig({ environment: [], local: [] });
    expect(parseConfig(text, { env: {}, presets }).warnings).toEqual([]);
    const used = text
      .slice(text.indexOf("\nserver:\n"))
      .replaceAll(/^( *)# ((?: *[\w*-]+:| *- ).*)$/gm, "$1$2")
      .replace("${file:/run/secrets/mine}", "k");
    const { config } = parseConfig(used, {
      env: { MY_APP_KEY: "0123456789abcdefg", OPENAI_API_KEY: "k" },
      presets: providers,
    });
    expect([...config.routes.keys()]).toEqual(["test", "gpt-*", "fast", "split"]);
  });
});
