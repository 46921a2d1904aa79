// docs/admin-api.md names every path of the administration API.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { adminRoutes } from "../../../src/server/admin-v1/routes.ts";

const page = readFileSync(`${import.meta.dir}/../../../docs/admin-api.md`, "utf8");

test("every path is named, by itself or by the list it belongs to", () => {
  const named = new Set([...page.matchAll(/`(\/[^`\s]+)`/g)].map(([, path = ""]) => path));
  const missing = adminRoutes
    .map(({ path }) => path)
    .filter((path) => !named.has(path) && !named.has(path.replace(/\/\{id\}.*$/, "")));
  expect(missing).toEqual([]);
});
