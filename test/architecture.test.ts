// The house plan, watched: layers, cycles, and that no provider or dialect is named outside its own folder.
import { describe, expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { dialects } from "../src/dialects/index.ts";
import { providers } from "../src/providers/index.ts";

const root = join(import.meta.dir, "..", "src");

/** Each layer may import itself and what stands before it. Folders of one layer share types only. */
const layers: readonly (readonly string[])[] = [
  ["lib"],
  ["ir"],
  ["dialects", "catalog"],
  ["providers", "store"],
  ["config"],
  ["egress", "import"],
  ["access", "routing", "cache", "guardrails", "telemetry", "mcp", "reconcile"],
  ["pipeline"],
  ["server"],
  ["gateway"],
  ["cli"],
];

/** Files of the root, by the layer they belong to. */
const rootFiles: Readonly<Record<string, string>> = {
  "egress.ts": "egress",
  "pipeline.ts": "pipeline",
  "gateway.ts": "gateway",
  "index.ts": "cli",
  "main.ts": "cli",
  "version.ts": "lib",
};

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

const files = [...new Bun.Glob("**/*.ts").scanSync(root)].toSorted();

const layerName = (file: string): string =>
  file.includes("/") ? file.slice(0, file.indexOf("/")) : (rootFiles[file] ?? `unknown:${file}`);

const rank = (file: string): number => layers.findIndex((layer) => layer.includes(layerName(file)));

async function importsOf(file: string): Promise<Import[]> {
  const text = await Bun.file(join(root, file)).text();
  const pattern =
    /^(?:import|export)\s+(type\s+)?([^;]*?)\s*from\s+"(\.[^"]+)"|import\("(\.[^"]+)"\)/gm;
  return [...text.matchAll(pattern)]
    .filter((match) => !(match[3] ?? match[4])!.endsWith(".json"))
    .map((match) => ({
      from: file,
      to: normalize(join(dirname(file), (match[3] ?? match[4])!)),
      typeOnly: match[1] !== undefined || onlyTypes(match[2] ?? ""),
    }));
}

const onlyTypes = (clause: string): boolean => {
  const names = /^\{([\s\S]*)\}$/.exec(clause.trim())?.[1];
  return (
    names !== undefined &&
    names
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean)
      .every((name) => name.startsWith("type "))
  );
};

const imports = (await Promise.all(files.map(importsOf))).flat();

describe("layers", () => {
  test("every file belongs to one", () => {
    expect(files.filter((file) => rank(file) < 0)).toEqual([]);
  });

  test("imports point to the left", () => {
    const wrong = imports.filter((each) => rank(each.to) > rank(each.from) && !each.typeOnly);
    expect(wrong.map((each) => `${each.from} → ${each.to}`)).toEqual([]);
  });

  test("folders of one layer import each other's types only", () => {
    const wrong = imports.filter(
      (each) =>
        rank(each.from) === rank(each.to) &&
        layerName(each.from) !== layerName(each.to) &&
        !each.typeOnly,
    );
    expect(wrong.map((each) => `${each.from} → ${each.to}`)).toEqual([]);
  });

  test("no import cycles", () => {
    const graph = new Map<string, string[]>();
    for (const each of imports.filter((edge) => !edge.typeOnly)) {
      graph.set(each.from, [...(graph.get(each.from) ?? []), each.to]);
    }
    const cycles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) {
        cycles.push([...path.slice(path.indexOf(file)), file].join(" → "));
        return;
      }
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

describe("names", () => {
  const comparison = (name: string): RegExp =>
    new RegExp(`(?:[!=]==?\\s*"${name}"|"${name}"\\s*[!=]==?|case\\s+"${name}")`);

  test.each([
    ["dialect", "dialects/", Object.keys(dialects)],
    ["provider", "providers/", providers.map((provider) => provider.id)],
  ])("no %s is tested by name outside %s", async (_kind, folder, names) => {
    const found: string[] = [];
    for (const file of files.filter((each) => !each.startsWith(folder))) {
      const text = await Bun.file(join(root, file)).text();
      for (const name of names) if (comparison(name).test(text)) found.push(`${file}: ${name}`);
    }
    expect(found).toEqual([]);
  });

  test("raw fetch is called in the egress only", async () => {
    const found: string[] = [];
    for (const file of files.filter((each) => !each.startsWith("egress"))) {
      const text = await Bun.file(join(root, file)).text();
      if (/(?<![.\w])fetch\((?!input|request)/.test(text.replaceAll(/\/\/.*|\*.*/g, "")))
        found.push(file);
    }
    expect(found).toEqual([]);
  });
});
