// S17: who gets which answer, for every operation of the OpenAPI document, every caller and every owner.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { actions } from "../../../src/access/permissions.ts";
import type { OpenApiDocument } from "../../../src/server/admin-v1/openapi.ts";
import { adminRoutes } from "../../../src/server/admin-v1/routes.ts";
import { askCell, buildGround, type Ground, makeTarget, owners, rowsOf } from "./cells.ts";

/** Read by people before it is committed. `MATRIX=write bun test …` writes it anew. */
const file = join(import.meta.dir, "matrix.txt");

let ground: Ground;
let document: OpenApiDocument;
beforeAll(async () => {
  ground = await buildGround();
  document = (await (await ground.admin.fetch("/openapi.json")).json()) as OpenApiDocument;
});
afterAll(async () => {
  await ground.admin.close();
  ground.edited.remove();
});

describe("S17: the authorization matrix", () => {
  test("every route has an action, and the document has every route", () => {
    for (const route of adminRoutes) expect(actions).toContain(route.action);
    const described = rowsOf(document).map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    expect([...new Set(described)].toSorted()).toEqual(
      adminRoutes.map(({ method, path }) => `${method} ${path}`).toSorted(),
    );
  });

  test("every cell is as decided", async () => {
    const names = ground.callers.map(({ name }) => name);
    const lines = [
      "# Status by operation and owner (rows) and caller (columns); 412 stands for a deletion or change that is permitted and spared.",
      ...names.map((name, index) => `# ${String(index + 1).padStart(2)} ${name}`),
      `${" ".repeat(42)} ${names.map((_name, index) => String(index + 1).padStart(3)).join(" ")}`,
    ];
    let cells = 0;
    for (const row of rowsOf(document)) {
      const statuses: string[] = [];
      for (const caller of ground.callers) {
        const cell = await askCell(ground, caller, row);
        if (cell) cells += 1;
        if (cell && cell.status >= 400 && cell.status !== 412) {
          expect(JSON.parse(cell.text)).toMatchObject({ error: { message: expect.any(String) } });
        }
        statuses.push(cell === null ? "  -" : String(cell.status));
      }
      if (statuses.every((status) => status.trim() === "-")) continue;
      const label = `${row.method.toUpperCase().padEnd(6)} ${row.path}`.padEnd(29);
      lines.push(`${label} ${(row.owner ?? "").padEnd(12)} ${statuses.join(" ")}`);
    }
    const matrix = `${lines.join("\n")}\n`;
    if (process.env["MATRIX"] === "write") writeFileSync(file, matrix);
    expect(matrix).toBe(readFileSync(file, "utf8"));
    expect(cells).toBeGreaterThan(3_500);
    expect(ground.admin.failures).toEqual([]);
    console.log(`authorization matrix: ${cells} cells, ${lines.length} rows`);
  }, 60_000);

  test("whoever has no valid key gets 401 everywhere, also for what is not there", async () => {
    const paths = [...new Set(adminRoutes.map(({ path }) => path)), "/nope", "/keys/x/y", "/"];
    for (const path of paths) {
      for (const method of ["GET", "POST", "PATCH", "DELETE", "PUT"]) {
        for (const key of [null, "wrong", `sk-mega-${"a".repeat(43)}`]) {
          const { status } = await ground.admin.ask(method, path.replace("{id}", "x"), { key });
          expect(`${method} ${path} ${status}`).toBe(`${method} ${path} 401`);
        }
      }
    }
  });

  test("what can be read by its id is in the list, and the other way round", async () => {
    for (const resource of [
      "organizations",
      "teams",
      "users",
      "memberships",
      "keys",
      "budgets",
      "limits",
    ]) {
      for (const caller of ground.callers.filter(({ keyId }) => keyId !== "")) {
        const list = async (cursor = ""): Promise<string[]> => {
          const page = await ground.admin.ask("GET", `/${resource}?limit=500${cursor}`, {
            key: caller.key,
          });
          if (page.status !== 200) return [];
          const ids = page.body.data.map((row: { id: string }) => row.id);
          return page.body.next ? [...ids, ...(await list(`&cursor=${page.body.next}`))] : ids;
        };
        const targets: string[] = [];
        for (const owner of owners) {
          const id = await makeTarget(ground, caller, { resource, owner });
          if (id) targets.push(id);
        }
        const listed = new Set(await list());
        const answers = await Promise.all(
          targets.map((id) => ground.admin.ask("GET", `/${resource}/${id}`, { key: caller.key })),
        );
        const first = await ground.admin.ask("GET", `/${resource}`, { key: caller.key });
        if (first.status !== 200) continue;
        const seen = answers.map(({ status }) => status === 200);
        // A key also reads itself and its bounds; lists are for people.
        expect({ resource, caller: caller.name, seen }).toEqual({
          resource,
          caller: caller.name,
          seen: targets.map((id) => listed.has(id)),
        });
      }
    }
  }, 60_000);
});
