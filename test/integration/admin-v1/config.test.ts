// The configuration over HTTP: a whole gateway, a file, and servers that must not see what is not theirs.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConfigFile } from "../../../src/config/file.ts";
import { providers } from "../../../src/providers/index.ts";
import { StoreError } from "../../../src/store/store.ts";
import { adminKey, type InProcess, startInProcess } from "../../support/in-process.ts";

const secret = "sk-canary-0123456789abcdWXYZ";
const environmentSecret = "sk-canary-of-the-environment";

interface Canary {
  readonly url: string;
  /** Everything that came, headers and all. */
  readonly seen: string[];
  stop(): Promise<void>;
}

function startCanary(): Canary {
  const seen: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      seen.push(`${request.method} ${request.url}\n${headers}\n${await request.text()}`);
      return Response.json({ object: "list", data: [{ id: "m" }] });
    },
  });
  return { url: `http://127.0.0.1:${server.port}/v1`, seen, stop: () => server.stop(true) };
}

let folder: string;
let path: string;
let gateway: InProcess;
let own: Canary;
let foreign: Canary;

const start = async (text: string): Promise<void> => {
  folder = mkdtempSync(join(tmpdir(), "megallm-config-"));
  mkdirSync(join(folder, "data"), { mode: 0o700 });
  path = join(folder, "megallm.yaml");
  writeFileSync(path, text);
  const env = { CANARY: environmentSecret };
  const options = { env, presets: providers, overrides: { dataDir: join(folder, "data") } };
  const file = createConfigFile(options, { path, dataDir: join(folder, "data") });
  gateway = await startInProcess({}, { env, file, source: () => file.load() });
};

beforeEach(async () => {
  own = startCanary();
  foreign = startCanary();
  await start(`# by hand
providers:
  mine: { type: openai-compatible, base_url: "${own.url}", api_key: ${secret} } # dear
  env: { type: openai-compatible, base_url: "${own.url}", api_key: "\${CANARY}" }
  demo: {}
discover: { models: false }
models:
  a/b*c: demo/echo
`);
});
afterEach(async () => {
  await gateway.close();
  await Promise.all([own.stop(), foreign.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

interface Answered {
  status: number;
  etag: string | null;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

const ask = async (
  method: string,
  route: string,
  body?: object,
  match?: string,
): Promise<Answered> => {
  const answer = await gateway.fetch(`/admin/v1${route}`, {
    method,
    headers: {
      authorization: `Bearer ${adminKey}`,
      ...(body && { "content-type": "application/json" }),
      ...(match !== undefined && { "if-match": match }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, etag: answer.headers.get("etag"), text, body: JSON.parse(text) };
};

const file = (): string => readFileSync(path, "utf8");

describe("S14: a stored secret and a new address", () => {
  test("the canary sees no key, by whatever change and test of the connection", async () => {
    const evil = { base_url: foreign.url };
    const { body: shown } = await ask("GET", "/config");
    for (const [method, route, body] of [
      ["PATCH", "/providers/mine", { entry: evil }],
      ["PATCH", "/providers/mine", { entry: { ...evil, api_key: "***…WXYZ" } }],
      ["PATCH", "/providers/env", { entry: evil }],
      ["PATCH", "/providers/env", { entry: { ...evil, api_key: "${CANARY}" } }],
      ["PATCH", "/providers/mine", { entry: { proxy: foreign.url.replace("/v1", "") } }],
      [
        "POST",
        "/providers",
        { name: "x", entry: { type: "openai-compatible", ...evil, api_key: "${CANARY}" } },
      ],
      [
        "POST",
        "/providers",
        { name: "x", entry: { type: "openai-compatible", ...evil, api_key: `\${file:${path}}` } },
      ],
      ["PUT", "/config", { text: shown.text.replace(own.url, foreign.url) }],
      ["PUT", "/config", { text: shown.text.replaceAll(own.url, foreign.url) }],
    ] as const) {
      const refused = await ask(method, route, body);
      expect([method, route, [400, 403, 409].includes(refused.status)]).toEqual([
        method,
        route,
        true,
      ]);
      expect(refused.body.error.message.length).toBeGreaterThan(30);
    }
    for (const name of ["mine", "env", "x"]) await ask("POST", `/providers/${name}/test`);
    // An address of one's own with a secret of one's own is fine.
    const moved = await ask("PATCH", "/providers/mine", {
      entry: { ...evil, api_key: "sk-of-the-new-place-1" },
    });
    expect(moved.status).toBe(200);
    expect((await ask("POST", "/providers/mine/test")).body).toMatchObject({ ok: true });
    expect(foreign.seen.join("\n")).toContain("Bearer sk-of-the-new-place-1");
    expect(foreign.seen.join("\n")).not.toMatch(/canary/);
    expect((await ask("POST", "/providers/env/test")).body).toMatchObject({ ok: true });
    expect(own.seen.join("\n")).toContain(environmentSecret);
  });

  test("the test of a connection takes no address", async () => {
    const tried = await gateway.fetch("/admin/v1/providers/mine/test", {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      body: JSON.stringify({ base_url: foreign.url }),
    });
    expect(tried.status).toBe(200);
    expect([own.seen.length, foreign.seen.length]).toEqual([1, 0]);
    expect((await ask("POST", "/providers/nobody/test")).status).toBe(404);
  });
});

describe("entries", () => {
  test("are listed, made, changed and deleted; what is left out stays", async () => {
    const listed = await ask("GET", "/providers");
    expect(listed.body.data.map((each: { name: string }) => each.name)).toEqual([
      "mine",
      "env",
      "demo",
    ]);
    expect(listed.body.data[0]).toMatchObject({
      source: "file",
      type: "openai-compatible",
      base_url: own.url,
      keys: [{ name: "default", last4: "WXYZ" }],
      entry: { api_key: "***…WXYZ" },
    });
    expect(listed.body.data[1].entry.api_key).toBe("${CANARY}");
    const made = await ask("POST", "/providers", {
      name: "new",
      entry: { type: "openai-compatible", base_url: own.url, api_key: "sk-fresh-0123456789" },
    });
    expect(made.status).toBe(201);
    expect(file()).not.toContain("sk-fresh");
    expect(file()).toContain("# dear");
    expect((await ask("POST", "/providers", { name: "new", entry: {} })).status).toBe(409);
    const changed = await ask("PATCH", "/providers/new", { entry: { max_concurrent: 3 } });
    expect(changed.body).toMatchObject({
      changes: [{ path: "providers.new.max_concurrent", after: 3 }],
      needs_restart: [],
    });
    await ask("POST", "/providers/new/test");
    expect(own.seen.at(-1)).toContain("Bearer sk-fresh-0123456789");
    const cleared = await ask("PATCH", "/providers/new", { entry: { max_concurrent: null } });
    expect(cleared.status).toBe(200);
    expect((await ask("GET", "/providers/new")).body.entry).not.toHaveProperty("max_concurrent");
    expect((await ask("DELETE", "/providers/new")).status).toBe(200);
    expect((await ask("GET", "/providers/new")).status).toBe(404);
    expect((await ask("DELETE", "/providers/new")).status).toBe(404);
  });

  test("S18: what is sent back unchanged changes nothing and is not refused", async () => {
    const before = file();
    for (const name of ["mine", "env", "demo"]) {
      const { body } = await ask("GET", `/providers/${name}`);
      const back = await ask("PATCH", `/providers/${name}`, { entry: body.entry });
      expect([back.status, back.body.version]).toEqual([200, null]);
    }
    expect(file()).toBe(before);
  });

  test("routes with any name, and aliases", async () => {
    expect((await ask("GET", "/routes/a%2Fb*c")).body).toEqual({
      name: "a/b*c",
      entry: "demo/echo",
    });
    expect(
      (await ask("PATCH", "/routes/a%2Fb*c", { entry: { deployments: ["demo/echo"] } })).status,
    ).toBe(200);
    expect((await ask("POST", "/routes", { name: "q", entry: "nowhere/x" })).status).toBe(422);
    expect((await ask("POST", "/aliases", { name: "gpt-4", entry: "demo/echo" })).status).toBe(201);
    expect((await ask("POST", "/aliases", { name: "x", entry: 1 as never })).status).toBe(400);
    const answer = await gateway.fetch("/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "gpt-4", messages: [{ role: "user", content: "hi" }] }),
    });
    expect(answer.status).toBe(200);
    const models = await ask("GET", "/models?search=DEMO");
    expect(models.body.data.map((each: { id: string }) => each.id)).toContain("demo/echo");
    const first = await ask("GET", "/models?limit=1");
    const second = await ask(
      "GET",
      `/models?limit=1&cursor=${encodeURIComponent(first.body.next)}`,
    );
    expect(second.body.data[0].id > first.body.data[0].id).toBe(true);
  });

  test.each([
    [{ name: "__proto__", entry: { type: "openai-compatible" } }, 422],
    [{ name: "x", entry: { api_kee: "1" } }, 422],
    [{ name: "x", entry: "demo" }, 400],
    [{ name: "", entry: {} }, 400],
    [{ name: "Up Case", entry: { type: "openai-compatible", base_url: "http://127.0.0.1" } }, 422],
    [{ name: "x", entry: {}, more: 1 }, 400],
    [{ name: "x", entry: { type: "openai-compatible", base_url: "file:///etc/passwd" } }, 422],
    [
      {
        name: "x",
        entry: { type: "openai-compatible", base_url: "http://a/b", headers: { "a\nb": "c" } },
      },
      422,
    ],
  ])("%j is refused with %d and changes nothing", async (body, status) => {
    const before = file();
    expect((await ask("POST", "/providers", body)).status).toBe(status);
    expect(file()).toBe(before);
    expect(({} as Record<string, unknown>)["type"]).toBeUndefined();
  });
});

describe("the whole", () => {
  test("what is in force, with where it comes from and without secrets", async () => {
    const { body, text, etag } = await ask("GET", "/config");
    expect(text).not.toContain("canary");
    expect(etag).toBe(`"${body.hash}"`);
    expect(body).toMatchObject({ path, writable: true, pending: false, needs_restart: [] });
    expect(body.sources).toMatchObject({
      "server.port": "built-in",
      data_dir: "command line",
      "providers.mine.base_url": "file",
      "providers.mine.keys.default": "file",
      "providers.env.keys.default": "environment",
    });
    expect(body.text).toContain("# by hand");
    expect(body.effective).toMatchObject({
      queue: { max: 1000, max_wait: "10s" },
      ledger: { keep: { days: "forever" } },
      budgets: [],
    });
  });

  test("check and diff change nothing and show no secret", async () => {
    const { body: shown } = await ask("GET", "/config");
    const text = shown.text.replace("demo: {}", "demo: {}\n  neww: {}");
    const checked = await ask("POST", "/config/check", { text });
    expect(checked.body).toMatchObject({
      ok: false,
      problems: [{ line: 6, column: 3, message: expect.stringContaining("neww") }],
    });
    expect((await ask("POST", "/config/check", { text: shown.text })).body.ok).toBe(true);
    const diff = await ask("POST", "/config/diff", {
      text: shown.text
        .replace('"***…WXYZ"', "sk-other-secret-0123WXYZ")
        .replace("demo: {}", "demo: { max_concurrent: 2 }"),
    });
    expect(diff.body.changes).toEqual([
      { path: "providers.mine.api_key", before: "***…WXYZ", after: "***…WXYZ" },
      { path: "providers.demo.max_concurrent", after: 2 },
    ]);
    expect((await ask("GET", "/config/diff")).body.changes).toEqual([]);
    writeFileSync(path, file().replace("demo: {}", "demo: { max_concurrent: 9 }"));
    expect((await ask("GET", "/config/diff")).body.changes).toHaveLength(1);
    expect((await ask("GET", "/config")).body.pending).toBe(true);
  });

  test("two editors: the second is told, whoever changed it", async () => {
    const { etag, body } = await ask("GET", "/config");
    const text = body.text.replace("demo: {}", "demo: { max_concurrent: 2 }");
    const first = await ask("PUT", "/config", { text }, etag ?? "");
    expect(first.status).toBe(200);
    expect((await ask("PUT", "/config", { text }, etag ?? "")).status).toBe(412);
    expect((await ask("PATCH", "/providers/demo", { entry: {} }, etag ?? "")).status).toBe(412);
    expect((await ask("DELETE", "/routes/a%2Fb*c", undefined, etag ?? "")).status).toBe(412);
    writeFileSync(path, `${file()}# by hand again\n`);
    expect((await ask("PUT", "/config", { text }, first.etag ?? "")).status).toBe(412);
    for (const bad of ['"1"', "x", '"1", "2"']) {
      expect((await ask("PUT", "/config", { text }, bad)).status).toBe(400);
    }
    const fresh = await ask("GET", "/config");
    expect((await ask("PUT", "/config", { text: fresh.body.text }, fresh.etag ?? "")).status).toBe(
      200,
    );
    expect(file()).toEndWith("# by hand again\n");
  });

  test("history and rollback; all of it on record, and nowhere a secret", async () => {
    await ask("PATCH", "/providers/mine", { entry: { api_key: "sk-canary-2-0123456789" } });
    await ask("PUT", "/config", { text: "providers: { demo: {} }\n" });
    expect((await ask("GET", "/config/history")).body.data).toMatchObject([
      { version: 3, by: "admin", action: "config.update", current: true },
      { version: 2, by: "admin", action: "provider.update", current: false },
      { version: 1, by: "file", action: "config.found", current: false },
    ]);
    const old = await ask("GET", "/config/history/1");
    expect(old.body.text).toContain("***…WXYZ");
    for (const id of ["0", "9", "x", "..%2F..", "1e1"]) {
      expect((await ask("GET", `/config/history/${id}`)).status).toBe(404);
    }
    expect((await ask("POST", "/config/rollback", { version: 2 })).status).toBe(200);
    await ask("POST", "/providers/mine/test");
    expect(own.seen.at(-1)).toContain("Bearer sk-canary-2-0123456789");
    expect((await ask("POST", "/config/rollback", { version: 77 })).status).toBe(404);
    const audit = await ask("GET", "/audit?limit=500");
    expect(audit.body.data.map((row: { action: string }) => row.action)).toEqual([
      "config.rollback",
      "config.update",
      "provider.update",
    ]);
    expect(audit.body.data[2]).toMatchObject({
      actor: "admin",
      kind: "provider",
      subject_id: "mine",
      before: { "providers.mine.api_key": "***…WXYZ" },
      after: { "providers.mine.api_key": "***…6789" },
    });
    expect((await ask("POST", "/audit/verify")).body.ok).toBe(true);
    for (const route of [
      "/audit?limit=500",
      "/config",
      "/config/history/3",
      "/providers",
      "/status",
      "/health",
    ]) {
      expect((await ask("GET", route)).text).not.toContain("sk-canary");
    }
    expect(gateway.lines.join("\n")).not.toContain("sk-canary");
    const data = join(folder, "data");
    for (const name of ["config-history", "secrets"]) {
      expect(statSync(join(data, name)).mode & 0o777).toBe(0o700);
      for (const each of readdirSync(join(data, name))) {
        expect(statSync(join(data, name, each)).mode & 0o777).toBe(0o600);
      }
    }
  });

  test("a change that cannot be put on record does not happen", async () => {
    const before = file();
    const { audit } = gateway.store;
    const append = audit.append;
    Object.assign(audit, {
      append: () => Promise.reject(new StoreError("store_unavailable", "full")),
    });
    const refused = await ask("PATCH", "/providers/demo", { entry: { max_concurrent: 2 } });
    Object.assign(audit, { append });
    expect([refused.status, file()]).toEqual([503, before]);
    expect((await ask("GET", "/config/diff")).body.changes).toEqual([]);
  });

  test("what is only taken over at the next start is named", async () => {
    const { body } = await ask("GET", "/config");
    const done = await ask("PUT", "/config", { text: `${body.text}server: { port: 1234 }\n` });
    expect(done.body.needs_restart).toEqual(["server.port"]);
  });

  test("large and odd bodies are refused, never with a 500", async () => {
    for (const [text, status] of [
      ["x".repeat(6 * 1024 * 1024), 400],
      ["[".repeat(100_000), 422],
      ["", 422],
      ["a: &a [*a]", 422],
      ["- 1", 422],
      ["providers: { demo: {} }\n---\nproviders: {}", 422],
      ["\u0000", 422],
    ] as const) {
      const refused = await ask("PUT", "/config", { text });
      expect([text.slice(0, 20), refused.status]).toEqual([text.slice(0, 20), status]);
      expect((await ask("POST", "/config/check", { text })).status).toBe(
        status === 400 ? 400 : 200,
      );
    }
    expect(file()).toContain("# by hand");
  });
});

test("a configuration that a program gave is shown and not changed", async () => {
  const program = await startInProcess({ providers: { demo: {} } });
  const send = (method: string, route: string, body?: object) =>
    program.fetch(`/admin/v1${route}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
  const shown = (await (await send("GET", "/config")).json()) as object;
  expect(shown).toMatchObject({ path: null, writable: false, text: null });
  expect((await send("GET", "/providers/demo")).status).toBe(200);
  expect((await send("PATCH", "/providers/demo", { entry: {} })).status).toBe(409);
  expect((await send("PUT", "/config", { text: "" })).status).toBe(409);
  expect((await send("GET", "/health")).status).toBe(200);
  await program.close();
});
