// Experiments and shadows as their user meets them: a file, requests, feedback, and the tables of the command line.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Daemon, runCli, startDaemon } from "../support/daemon.ts";
import { type Paired, startPaired } from "../support/paired-upstreams.ts";

let one: Paired;
let two: Paired;
let daemon: Daemon;

beforeAll(async () => {
  one = startPaired("from one");
  two = startPaired("from two");
  daemon = await startDaemon({
    config: `
providers:
  one: { type: openai-compatible, base_url: "${one.url}", api_key: k, prices: { m: { input: 1, output: 1 } } }
  two: { type: openai-compatible, base_url: "${two.url}", api_key: k, prices: { m: { input: 4, output: 4 } } }
models:
  assistant:
    experiment:
      name: trial
      arms:
        control: { model: one/m, weight: 3 }
        candidate: { model: two/m, weight: 1 }
  live:
    deployments: [one/m]
    shadow: { route: two/m, share: 100% }
`,
  });
});
afterAll(async () => {
  await daemon.dispose();
  await Promise.all([one.stop(), two.stop()]);
});

const ask = async (model: string): Promise<Response> => {
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }] }),
  });
  await answer.text();
  return answer;
};

describe("megallm experiments", () => {
  test("says when there is nothing", async () => {
    const home = mkdtempSync(join(tmpdir(), "megallm-none-"));
    const env = { HOME: home, PATH: "/usr/bin:/bin" };
    const none = await runCli(["experiments"], { cwd: home, env });
    expect(none.stdout).toMatch(/^No experiment had requests since /);
    const shadows = await runCli(["experiments", "--shadow", "--json"], { cwd: home, env });
    expect(JSON.parse(shadows.stdout)).toMatchObject({ shadows: [] });
    expect([none.code, shadows.code]).toEqual([0, 0]);
    rmSync(home, { recursive: true, force: true });
  });

  test("shows each arm, what callers say, and whether it means anything", async () => {
    for (let at = 0; at < 8; at += 1) {
      const answer = await ask("assistant");
      const said = await fetch(`${daemon.url}/v1/feedback`, {
        method: "POST",
        body: JSON.stringify({
          request_id: answer.headers.get("x-request-id"),
          value: answer.headers.get("x-megallm-experiment") === "trial=candidate" ? 5 : at,
        }),
      });
      expect(said.status).toBe(201);
    }
    const { code, stdout, stderr } = await daemon.cli("experiments", "trial");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [head = "", control = "", candidate = "", ...findings] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^trial +requests +share +errors +cost USD +per request +tokens +p50 ms/);
    expect(control).toMatch(/^control +6 +75\.0 % +0\.0 % +0\.000090000 +0\.000015000 +90 /);
    expect(candidate).toMatch(/^candidate +2 +25\.0 % +0\.0 % +0\.000120000 +0\.000060000 +30 /);
    expect(candidate).toEndWith("5 (2)");
    expect(findings.join("\n")).toContain(
      "- cost per request: candidate $0.0000600, control $0.0000150: too few to tell",
    );
    for (const line of stdout.split("\n")) expect(line).not.toContain("undefined");

    const json = JSON.parse((await daemon.cli("experiments", "--json", "--since", "1h")).stdout);
    expect(json).toMatchObject({
      experiments: [{ name: "trial", baseline: "control", arms: [{ requests: 6 }, {}] }],
    });
    const other = await daemon.cli("experiments", "no\u001b[31mne");
    expect(other.stdout).toMatch(/^No experiment `no.\[31mne` had requests/);
    expect(other.stdout).not.toContain("\u001b");
  });

  test("--shadow shows both sides", async () => {
    const answer = await ask("live");
    const id = answer.headers.get("x-request-id") ?? "";
    const deadline = performance.now() + 5_000;
    let shown = "";
    while (!shown.includes("shadow ") && performance.now() < deadline) {
      shown = (await daemon.cli("experiments", "--shadow")).stdout;
    }
    const [head, request, shadow] = shown.split("\n");
    expect(head).toMatch(/^request +model +ms +cost USD +tokens +end$/);
    expect(request).toMatch(new RegExp(`^${id} +one/m +\\d+ +0\\.000015000 +15 +stop$`));
    expect(shadow).toMatch(/^└ shadow +two\/m +\d+ +0\.000060000 +15 +stop$/);
    const usage = await daemon.cli("usage", "--by", "key");
    expect(usage.stdout).toContain("(shadow)");
  });

  test.each([
    [["experiments", "a", "--shadow"], "leave the name out"],
    [["experiments", "--since", "soon"], "--since takes"],
    [["experiments", "a", "b"], "too many arguments"],
  ])("%p is refused with 2", async (args, message) => {
    const { code, stderr } = await daemon.cli(...args);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  test("help has examples and fits 90 columns", async () => {
    const { stdout } = await daemon.cli("experiments", "--help");
    expect(stdout).toContain("megallm experiments --shadow");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(90);
  });
});
