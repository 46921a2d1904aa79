// No statement is put together from values: these are parameters, always. (S20)
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const root = join(import.meta.dir, "..", "..", "..", "src");
const files = [...new Bun.Glob("**/*.ts").scanSync(root)].toSorted();
const text = async (file: string): Promise<string> => Bun.file(join(root, file)).text();

/** Constants of the source, and counts: nothing that came from outside. */
const constants: Readonly<Record<string, readonly string[]>> = {
  "sql.raw": ["isDefined", "defineTransact"],
  "sql.lit": [
    '"unresolved"',
    "sliceRows",
    "lockSpace()",
    "migrationLock",
    "maxAccountNanos",
    "maxAccountNanos >> 32n",
    "length",
  ],
};
/** In texts that are no templates of the query builder. */
const plainConstants = new Set([
  "functionName",
  "lockBuckets",
  "lockSpace()",
  "openBusyMs",
  "runBusyMs",
  "maxWalBytes",
  "timeoutMs",
  'options.durable === "full" ? "full" : "normal"',
]);
/** Of three pragmas, whose names stand beside it. */
const named = new Set(["store/sqlite/open.ts: name"]);

/** The argument of each call, up to its closing parenthesis. */
function argumentsOf(source: string, call: string): string[] {
  const found: string[] = [];
  const start = new RegExp(`${call.replace(".", "\\.")}(?:<[^(]*>)?\\(`, "g");
  for (const match of source.matchAll(start)) {
    let depth = 1;
    let at = match.index + match[0].length;
    const from = at;
    for (; depth > 0 && at < source.length; at += 1) {
      if (source[at] === "(") depth += 1;
      if (source[at] === ")") depth -= 1;
    }
    found.push(source.slice(from, at - 1).trim());
  }
  return found;
}

const verbs = /\b(?:select|insert into|update|delete from|pragma|alter table|create table|set)\b/i;

/** What stands in templates of SQL that are not the builder's: there it would be a parameter. */
function holesOf(source: string): string[] {
  const found: string[] = [];
  for (const [, tag, body = ""] of source.matchAll(/(\bsql(?:<[^`(]*>)?)?`((?:[^`\\]|\\.)*)`/g)) {
    if (tag !== undefined || !verbs.test(body)) continue;
    found.push(...[...body.matchAll(/\$\{([^}]*)\}/g)].map(([, hole = ""]) => hole));
  }
  return found;
}

describe("S20 statements", () => {
  test("are made in src/store alone", async () => {
    const outside: string[] = [];
    for (const file of files.filter((each) => !each.startsWith("store/"))) {
      if (/from "(?:kysely|pg|bun:sqlite)"/.test(await text(file))) outside.push(file);
    }
    expect(outside).toEqual([]);
  });

  test.each(Object.entries(constants))("%s takes constants only", async (call, allowed) => {
    const found = new Set<string>();
    for (const file of files)
      for (const each of argumentsOf(await text(file), call)) found.add(each);
    expect([...found].filter((each) => !allowed.includes(each))).toEqual([]);
    expect(found.size).toBeGreaterThan(0);
  });

  test("no text of SQL but the builder's own holds anything but constants", async () => {
    const found: string[] = [];
    for (const file of files.filter((each) => each.startsWith("store/"))) {
      found.push(...holesOf(await text(file)).map((hole) => `${file}: ${hole}`));
    }
    const isConstant = (each: string): boolean =>
      named.has(each) || plainConstants.has(each.slice(each.indexOf(": ") + 2));
    expect(found.filter((each) => !isConstant(each))).toEqual([]);
    expect(found.length).toBeGreaterThan(3);
    // What this is to find.
    expect(holesOf("query(`select * from t where id = '${id}'`)")).toEqual(["id"]);
    expect(holesOf("query(sql`select * from t where id = ${id}`)")).toEqual([]);
  });

  test("nothing is joined to a statement", async () => {
    const wrong: string[] = [];
    for (const file of files.filter((each) => each.startsWith("store/"))) {
      const source = await text(file);
      const pattern = /\.(?:query|run|exec|prepare)\(\s*(?:["'`][^"'`]*["'`]\s*\+|\w+\s*\+)/g;
      for (const [match] of source.matchAll(pattern)) wrong.push(`${file}: ${match}`);
    }
    expect(wrong).toEqual([]);
  });
});
