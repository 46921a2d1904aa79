// The administration API as the gateway serves it, and the server secret over restarts.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway, type Gateway } from "../../../src/index.ts";

const adminKey = "mega-admin-0123456789";

let folder: string;
let gateway: Gateway | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "megallm-admin-"));
});
afterEach(async () => {
  await gateway?.close();
  gateway = null;
  rmSync(folder, { recursive: true, force: true });
});

const start = async (admin: object = {}): Promise<void> => {
  await gateway?.close();
  gateway = createGateway({
    config: { admin: { key: adminKey, ...admin }, discover: { local: false, models: false } },
    database: join(folder, "megallm.db"),
    env: {},
    logLevel: "error",
  });
};

const ask = async (method: string, path: string, { key = adminKey, body = {} } = {}) => {
  const answer = await gateway?.fetch(`http://127.0.0.1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(method === "POST" && { body: JSON.stringify(body) }),
  });
  return { status: answer?.status, text: (await answer?.text()) ?? "" };
};

const makeKey = async (): Promise<string> => {
  const made = await ask("POST", "/admin/v1/keys", { body: { name: "k", kind: "service" } });
  expect(made.status).toBe(201);
  return (JSON.parse(made.text) as { key: string }).key;
};

test("a key made over HTTP works after a restart", async () => {
  await start();
  const key = await makeKey();
  expect(statSync(join(folder, "key-secret")).mode & 0o777).toBe(0o600);
  expect((await ask("GET", "/admin/v1/self", { key })).status).toBe(200);
  await start();
  expect((await ask("GET", "/admin/v1/self", { key })).status).toBe(200);
});

test("without its server secret, or with another, the gateway says so and does not start", async () => {
  await start();
  await makeKey();
  await gateway?.close();
  gateway = null;
  rmSync(join(folder, "key-secret"));
  await start();
  const failure = await ask("GET", "/admin/v1/self").then(
    () => "none",
    (error: unknown) => String(error),
  );
  expect(failure).toContain("made under another server secret");
  gateway = null;
});

test("the configured secret is used in the place of the file", async () => {
  await start({ key_secret: "0123456789-abcdefghijkl-0123456789" });
  const key = await makeKey();
  expect(statSync(join(folder, "key-secret"), { throwIfNoEntry: false })).toBeUndefined();
  expect((await ask("GET", "/admin/v1/self", { key })).status).toBe(200);
});

test("the paths beside it are as they were, and errors have the shape of the house", async () => {
  await start();
  expect((await ask("GET", "/admin/status")).status).toBe(200);
  const key = await makeKey();
  expect((await ask("GET", "/admin/status", { key })).status).toBe(401);
  const refused = await ask("GET", "/admin/v1/audit", { key });
  expect(refused.status).toBe(403);
  expect(JSON.parse(refused.text)).toMatchObject({ error: { code: "forbidden" } });
  for (const path of [
    "/admin/v1",
    "/admin/v1/",
    "/admin//v1/keys",
    "/admin/%761/keys",
    "/admin/v1/%2e%2e/status",
  ]) {
    const { status } = await ask("GET", path, { key: "wrong" });
    expect([path, [401, 404].includes(status ?? 0)]).toEqual([path, true]);
  }
  expect((await ask("GET", "/docs", { key: "wrong" })).status).toBe(200);
});
