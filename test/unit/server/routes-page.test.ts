// docs/http-api.md names every path that is served, and no other.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dialects } from "../../../src/dialects/index.ts";
import { type AppDependencies, createApp } from "../../../src/server/app.ts";
import { createManagement, type ManagementDependencies } from "../../../src/server/management.ts";
import { plainRoutes } from "../../../src/server/dialect-routes.ts";

const page = readFileSync(`${import.meta.dir}/../../../docs/http-api.md`, "utf8");

/** Nothing is asked: only the routes are looked at. */
const app = createApp({ admin: {}, doors: {} } as unknown as AppDependencies);
const management = createManagement({ admin: {} } as unknown as ManagementDependencies);

/** Names in a path say nothing. @example bare("/v1/models/:id{.+}") // → "/v1/models/{}" */
const bare = (path: string): string =>
  path.replaceAll(/:\w+(?:\{[^}]*\})?|\{\w+\}/g, "{}").replace(/(?<=.)\/$/, "");

/** `METHOD path` of every route. `any` stands for a route that takes what its own code says. */
function servedRoutes(): Set<string> {
  const plain = new Set(plainRoutes.map(({ path }) => path));
  const found = new Set<string>();
  for (const { method, path } of [...app.routes, ...management.routes]) {
    // What answers 405 at the dialects' paths, and what asks for the admin key.
    if (method === "ALL" && (plain.has(path) || path === "/admin/*")) continue;
    // These have a reference of their own, made from the routes: `/docs`.
    if (path.startsWith("/admin/v1/")) continue;
    found.add(`${method === "ALL" ? "any" : method} ${bare(path)}`);
  }
  for (const { routes } of Object.values(dialects)) {
    for (const { method, path } of routes) found.add(`${method} ${bare(path)}`);
  }
  return found;
}

/** Code spans of the first cell (or, of the second table, of both cells) of a table's rows. */
function rowsAfter(heading: string): string[][][] {
  const rows = page
    .slice(page.indexOf(heading))
    .split("\n")
    .slice(2)
    .filter((_line, at, lines) => lines.slice(0, at + 1).every((line) => line.startsWith("|")));
  const spans = (cell: string): string[] =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
  return rows.map((row) => row.split("|").slice(1, 3).map(spans));
}

const others = rowsAfter("| in place of |").map(([[from = ""] = [], also = []]) => ({
  from,
  also,
}));

function describedRoutes(): { method: string; path: string }[] {
  return rowsAfter("| path | what |").flatMap(([cell = []]) =>
    cell.flatMap((span) => {
      const words = span.split(" ");
      const written = words.pop() ?? "";
      const paths = written.startsWith("[/v1]")
        ? [written.replace("[/v1]", "/v1"), written.replace("[/v1]", "")]
        : [written];
      const all = paths.flatMap((path) => [path, ...elsewhere(path)]);
      return words.flatMap((method) => all.map((path) => ({ method, path: bare(path) })));
    }),
  );
}

/** The same path with the other words before the model. */
const elsewhere = (path: string): string[] =>
  others.flatMap(({ from, also }) =>
    path.startsWith(from) && path.includes(":")
      ? also.map((other) => other + path.slice(from.length))
      : [],
  );

/** A name in the route stands for any segment of a row. */
function takes(route: string, row: { method: string; path: string }): boolean {
  const [method = "", path = ""] = route.split(" ");
  const pattern = path.split("{}").map(RegExp.escape).join("[^/]+");
  return (method === "any" || method === row.method) && new RegExp(`^${pattern}$`).test(row.path);
}

test("every route has its row, and every row its route", () => {
  const served = [...servedRoutes()];
  const described = describedRoutes();
  expect(served.length).toBeGreaterThan(100);
  expect(described.filter((row) => !served.some((route) => takes(route, row)))).toEqual([]);
  expect(served.filter((route) => !described.some((row) => takes(route, row)))).toEqual([]);
});

test("every header of the gateway's own is explained", async () => {
  const names = new Set<string>();
  const root = `${import.meta.dir}/../../../src`;
  for await (const file of new Bun.Glob("**/*.ts").scan(root)) {
    const text = await Bun.file(`${root}/${file}`).text();
    for (const [, name = ""] of text.matchAll(/"(x-megallm-[a-z-]+)"/g)) names.add(name);
  }
  expect(names.size).toBeGreaterThan(7);
  expect([...names].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
