// The configuration over HTTP as an operator meets it: a daemon with a file, one without, and one after a restart.
import { afterEach, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { type Paired, startPaired } from "../support/paired-upstreams.ts";

let daemon: Daemon | null = null;
let upstream: Paired | null = null;
afterEach(async () => {
  await daemon?.dispose();
  await upstream?.stop();
  daemon = null;
  upstream = null;
});

interface Answered {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
  etag: string;
}

const ask = async (
  method: string,
  path: string,
  body?: object,
  match?: string,
): Promise<Answered> => {
  const answer = await fetch(`${daemon?.url}/admin/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${daemon?.adminKey}`,
      ...(body && { "content-type": "application/json" }),
      ...(match !== undefined && { "if-match": match }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    body: await answer.json(),
    etag: answer.headers.get("etag") ?? "",
  };
};

const chat = async (model: string): Promise<number> => {
  const answer = await fetch(`${daemon?.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }] }),
  });
  await answer.text();
  return answer.status;
};

test("a provider and a route are added, used, seen in the usage, and taken back; a restart keeps them", async () => {
  upstream = startPaired("hello");
  daemon = await startDaemon({ config: "# mine\nproviders:\n  demo: {} # free\n" });
  expect(await chat("fast")).toBe(404);
  const made = await ask("POST", "/providers", {
    name: "new",
    entry: {
      type: "openai-compatible",
      base_url: upstream.url,
      api_key: "sk-e2e-0123456789abcdef",
    },
  });
  expect([made.status, made.body.version]).toEqual([201, 2]);
  const routed = await ask("POST", "/routes", { name: "fast", entry: "new/m" }, made.etag);
  expect(routed.status).toBe(201);
  expect(await chat("fast")).toBe(200);
  const text = readFileSync(daemon.configPath, "utf8");
  expect(text).toStartWith("# mine\nproviders:\n  demo: {} # free\n");
  expect(text).not.toContain("sk-e2e");
  expect(statSync(daemon.configPath).mode & 0o777).toBe(0o600);
  // Its own watcher saw the file change, too, and nothing came of it.
  expect((await ask("GET", "/config")).body).toMatchObject({ pending: false, warnings: [] });
  const check = await daemon.cli("check", "--config", daemon.configPath);
  expect(check.code).toBe(0);

  expect((await ask("PATCH", "/routes/fast", { entry: "gone/m" })).status).toBe(422);
  expect((await ask("PATCH", "/routes/fast", { entry: "demo/echo" }, made.etag)).status).toBe(412);
  expect(await chat("fast")).toBe(200);
  const usage = await ask("GET", "/usage?by=provider");
  expect(usage.body.data.map((each: { group: string }) => each.group)).toContain("new");

  await daemon.stop();
  daemon = await startDaemon({ folder: daemon.folder, config: text });
  expect(await chat("fast")).toBe(200);
  expect((await ask("POST", "/config/rollback", { version: 1 })).status).toBe(200);
  expect(await chat("fast")).toBe(404);
  expect(readFileSync(daemon.configPath, "utf8")).toBe("# mine\nproviders:\n  demo: {} # free\n");
  expect(daemon.output()).not.toContain("sk-e2e");
});

test("a change by hand between is noticed, and the daemon takes it over by itself", async () => {
  daemon = await startDaemon({ config: "providers:\n  demo: {}\n" });
  const { etag, body } = await ask("GET", "/config");
  writeFileSync(daemon.configPath, "providers:\n  demo: {}\nmodels:\n  hand: demo/echo\n");
  expect((await ask("PUT", "/config", { text: body.text }, etag)).status).toBe(412);
  const deadline = performance.now() + 10_000;
  while ((await chat("hand")) !== 200 && performance.now() < deadline) await Bun.sleep(20);
  expect(await chat("hand")).toBe(200);
});

test("a daemon without a file gets one in its data folder, and uses it at the next start", async () => {
  daemon = await startDaemon();
  expect((await ask("GET", "/config")).body).toMatchObject({ path: null, writable: true });
  const made = await ask("POST", "/aliases", { name: "mine", entry: "demo/echo" });
  const path = join(daemon.dataDir, "megallm.yaml");
  expect(made.body).toMatchObject({ created: true, path });
  expect([existsSync(path), statSync(path).mode & 0o777]).toEqual([true, 0o600]);
  expect(await chat("mine")).toBe(200);
  await daemon.stop();
  daemon = await startDaemon({ folder: daemon.folder });
  expect(await chat("mine")).toBe(200);
  expect((await ask("GET", "/config")).body.path).toBe(path);
  // The command line tools look at the same file.
  expect((await daemon.cli("check")).code).toBe(0);
});
