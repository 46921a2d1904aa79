// What `megallm explain` prints, and what it asks: by a gateway of its own, since none runs here.
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const home = mkdtempSync(join(tmpdir(), "megallm-explain-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const main = join(import.meta.dir, "..", "..", "..", "src", "main.ts");

const configPath = join(home, "megallm.yaml");
writeFileSync(
  configPath,
  `
discover: { local: false, environment: false }
providers:
  near: { type: openai-compatible, base_url: "http://127.0.0.1:9/near", api_key: hidden-key-near, prices: { "*": { input: "1.00", output: "2.00" } } }
  far: { type: openai-compatible, base_url: "http://127.0.0.1:9/far", api_key: hidden-key-far, prices: { "*": { input: "9.00", output: "9.00" } } }
models:
  smart: { policy: lowest-cost, deployments: [far/m, near/m] }
keys:
  team: { key: client-key-of-the-team, overrides: false }
  paying: { key: client-key-that-pays-here, budget: { amount: "0.01", window: 1d }, limits: { requests_per_minute: 60, parallel: 2 } }
`,
);
const request = JSON.stringify({
  model: "smart",
  messages: [{ role: "user", content: "Hi \u001b[2J" }],
}).replace('"model"', '"temperature":1.0,"model"');
const file = join(home, "request.json");
writeFileSync(file, request);

async function cli(args: string[], stdin = "") {
  const child = Bun.spawn([process.execPath, main, "explain", ...args, "--config", configPath], {
    cwd: home,
    env: { HOME: home, PATH: "/usr/bin:/bin", XDG_STATE_HOME: join(home, "state") },
    stdin: Buffer.from(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

describe("megallm explain", () => {
  test("a table in order, then the request of the first", async () => {
    const { code, stdout, stderr } = await cli(["-f", file]);
    expect([code, stderr]).toEqual([0, ""]);
    const rows = stdout.split("\n").filter((line) => /^\d /.test(line));
    expect(rows.map((row) => row.trim().split(/\s+/).slice(0, 2))).toEqual([
      ["1", "near/m#default"],
      ["2", "far/m#default"],
    ]);
    expect(rows[0]).toMatch(/about 0\.\d+ USD .* ready$/);
    expect(stdout).toContain("`smart` is ordered by lowest-cost, turn 0");
    expect(stdout).toContain("POST http://127.0.0.1:9/near/chat/completions\n");
    expect(stdout).toContain('"temperature": 1.0');
    expect(stdout).not.toContain("hidden");
    expect(stdout).not.toContain("\u001b");
  });

  test("--json from standard input, with headers", async () => {
    const args = ["--json", "--path", "/v1/chat/completions"];
    const { code, stdout } = await cli([...args, "--header", "x-megallm-policy: first"], request);
    expect(code).toBe(0);
    const told: unknown = JSON.parse(stdout);
    expect(told).toMatchObject({ candidates: [{ provider: "far" }, { provider: "near" }] });
    expect(stdout).toContain('"temperature": 1.0');
  });

  test("a request that would be refused: why, and exit code 1", async () => {
    const args = ["--key", "team", "--header", "x-megallm-policy: first"];
    const { code, stdout } = await cli(["-f", file, ...args]);
    expect(code).toBe(1);
    expect(stdout).toContain("403 forbidden: This key may not say how its requests are routed");
  });

  test("as a client with limits and a budget: how much is left, and what would be set aside", async () => {
    const { code, stdout } = await cli(["-f", file, "--key", "paying"]);
    expect(code).toBe(0);
    expect(stdout).toContain("key `paying`: 60 left of 60 requests a minute\n");
    expect(stdout).toContain("key `paying`: 2 left of 2 at once\n");
    expect(stdout).toMatch(
      /^1 near\/m#default: \$0\.0099\d+ would be set aside, for an answer of/m,
    );
    expect(stdout).toMatch(/^paying +\$0\.010000 of \$0\.010000 +\$0\.000000 +\S+Z +yes$/m);
  });

  test.each([
    ["a header without a colon", ["--header", "x-megallm-policy"], 2, "--header takes a name"],
    ["a file that is not there", ["-f", "nothing.json"], 1, "nothing.json"],
    ["a key that is not there", ["-f", file, "--key", "who"], 1, "`who` is no key: neither"],
    ["a path of nothing", ["-f", file, "--path", "/nothing"], 1, "no path whose requests"],
  ])("%s", async (_name, args, exit, message) => {
    const { code, stdout, stderr } = await cli(args, request);
    expect([code, stdout]).toEqual([exit, ""]);
    expect(stderr).toContain(message);
  });
});
