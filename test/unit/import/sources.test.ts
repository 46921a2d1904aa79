// Whole configurations of other gateways: what is written, that it passes the check, and that no key is lost.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { valueAt } from "../../../src/config/check.ts";
import { parseText } from "../../../src/config/document.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { formatPath } from "../../../src/config/problems.ts";
import { importers } from "../../../src/import/importers.ts";
import { importConfig, type Imported } from "../../../src/import/run.ts";
import { readSource } from "../../../src/import/source.ts";
import type { Path } from "../../../src/lib/json.ts";
import { providers } from "../../../src/providers/index.ts";

const folder = `${import.meta.dir}/fixtures`;

const samples = [
  ["litellm", "litellm.yaml"],
  ["openrouter", "openrouter.json"],
  ["portkey", "portkey.json"],
  ["portkey", "portkey-many.json"],
  ["claude-code-router", "claude-code-router.json"],
  ["new-api", "new-api.json"],
] as const;

/** Everything that the samples hold in plain text and that is a secret. */
const plainSecrets = [
  /azure-plain-secret-0001|sk-ant-plain-secret-0002|token-plain-0003|sk-1234/,
  /sk-plain-deepseek-key|sk-house-plain-key|a-long-enough-router-key-91/,
  /sk-plain-openai-key-1|AKIAPLAIN|plainsecret/,
  /sk-one-plain|sk-two-plain|sk-off-plain|sk-ant-plain\b|secretpart|user:pw|sk-deep-plain/,
];

const read = (file: string): string => readFileSync(`${folder}/${file}`, "utf8");

const run = (gateway: string, text: string, keepSecrets = false): Imported => {
  const importer = importers[gateway];
  if (!importer) throw new Error(gateway);
  return importConfig(text, importer, {
    presets: providers,
    keepSecrets,
    command: `megallm import ${gateway}`,
  });
};

/** Every leaf by a walk of its own: scalars, and maps and lists that are empty. */
function leavesOf(value: unknown, path: Path = []): string[] {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) {
    return [formatPath(path)];
  }
  return Array.isArray(value)
    ? value.flatMap((item, index) => leavesOf(item, [...path, index]))
    : Object.entries(value).flatMap(([key, item]) => leavesOf(item, [...path, key]));
}

describe.each(samples)("%s, %s", (gateway, file) => {
  const imported = run(gateway, read(file));

  test("is written as expected", () => {
    expect(imported.text).toBe(read(file.replace(/\.\w+$/, ".expected.yaml")));
  });

  test("passes the check with its variables set, and needs all of them", () => {
    expect(imported.problems).toEqual([]);
    const env = Object.fromEntries(
      imported.variables.map((name) => [
        name,
        /BASE$|PROXY$/.test(name) ? "https://x.example.com" : `${name}-0123456789-abcdef`,
      ]),
    );
    const parse = (variables: Record<string, string>) =>
      parseConfig(imported.text, { env: variables, presets: providers });
    expect(parse(env).config.providers.length).toBeGreaterThan(0);
    for (const name of imported.variables) {
      const { [name]: _, ...others } = env;
      expect(() => parse(others)).toThrow(name);
    }
  });

  test("has a line for every key", () => {
    const { root } = readSource(read(file), file.endsWith(".yaml") ? "yaml" : "json");
    const leaves = leavesOf(root);
    expect(leaves.length).toBeGreaterThan(10);
    expect(imported.report.map(({ source }) => source).toSorted()).toEqual(leaves.toSorted());
  });

  test("says where each key went, and the place is there", () => {
    const written = parseText(imported.text).value;
    for (const { source, outcome, to, note } of imported.report) {
      if (outcome === "carried") expect([source, to.length > 0]).toEqual([source, true]);
      else expect([source, note !== null && note !== ""]).toEqual([source, true]);
      if (outcome === "not_carried") expect([source, to]).toEqual([source, []]);
      for (const place of to) {
        expect([source, place, valueAt(written, parsePath(place)) !== undefined]).toEqual([
          source,
          place,
          true,
        ]);
      }
    }
  });

  test("knows every key of the sample but those made up for it", () => {
    const unknown = imported.report.filter(({ note }) => note?.startsWith("not known here"));
    expect(unknown.map(({ source }) => source).filter((name) => !name.includes("made_up"))).toEqual(
      [],
    );
  });

  test("keeps secrets out of the file and the report", () => {
    const shown = imported.text + JSON.stringify(imported);
    for (const secret of plainSecrets) expect(shown).not.toMatch(secret);
    for (const { name, value } of imported.made) {
      expect(imported.text).toContain(`\${${name}}`);
      expect(value.reveal()).not.toBe("");
    }
  });

  test("keeps secrets in the file when asked, and still passes", () => {
    const kept = run(gateway, read(file), true);
    expect(kept.problems).toEqual([]);
    // Those that a key must not be are variables in any case.
    expect(kept.made.length).toBeLessThanOrEqual(imported.made.length);
  });
});

/** The inverse of {@link formatPath}. */
function parsePath(text: string): Path {
  const steps = text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([\w-]+)/g);
  return [...steps].map(([, index, quoted, plain]) =>
    index !== undefined
      ? Number(index)
      : quoted !== undefined
        ? (JSON.parse(quoted) as string)
        : plain!,
  );
}
