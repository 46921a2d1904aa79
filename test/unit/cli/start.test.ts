// What a start costs: which command lines serve, and what is not loaded before somebody asks for it.
import { expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";
import { isServing } from "../../../src/cli/request-limit.ts";

const root = join(import.meta.dir, "../../../src");

test.each([
  [[], true],
  [["serve"], true],
  [["serve", "--help"], true],
  [["--port", "0"], true],
  [["-c", "megallm.yaml"], true],
  [["--help"], false],
  [["--port", "0", "-h"], false],
  [["-V"], false],
  [["usage"], false],
  [["help", "serve"], false],
  [["swerve"], false],
] as const)("%j serves: %p", (argv, expected) => {
  expect(isServing(argv)).toBe(expected);
});

/** The files that are loaded with this one; types, and what is imported when it is needed, are not. */
async function loadedWith(entry: string, found = new Set<string>()): Promise<Set<string>> {
  const name = relative(root, entry);
  if (found.has(name) || !name.endsWith(".ts")) return found;
  found.add(name);
  const text = await Bun.file(entry).text();
  const imports =
    /^(?:import|export)\s+(?!type\s)(?!\{(?:\s*type\s+\w+,?)+\s*\})[^;"]*?from\s+"(\.[^"]+)"/gm;
  for (const [, path = ""] of text.matchAll(imports)) {
    await loadedWith(join(dirname(entry), path), found);
  }
  return found;
}

test("a start loads what a first request needs", async () => {
  const loaded = [...(await loadedWith(join(root, "cli/serve.ts")))];
  expect(loaded.length).toBeGreaterThan(300);
  expect(loaded).toContain("pipeline.ts");
  const later =
    /^(?:server\/(?:admin-v1|litellm|management|translate|feedback|openrouter)|import\/|reconcile\/|store\/postgres\/(?!address)|cli\/(?:admin\/|program|table))/;
  expect(loaded.filter((file) => later.test(file))).toEqual([]);
});

test("the entry loads nothing that would be loaded twice", async () => {
  expect([...(await loadedWith(join(root, "main.ts")))].toSorted()).toEqual([
    "cli/request-limit.ts",
    "main.ts",
  ]);
});
