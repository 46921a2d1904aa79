// `megallm translate` and POST /v1/translate of the executable: what a request becomes, with nothing sent.
import { afterAll, describe, expect, onTestFinished, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli, startDaemon } from "../support/daemon.ts";

const home = mkdtempSync(join(tmpdir(), "megallm-translate-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = { HOME: home, PATH: "/usr/bin:/bin", OLLAMA_HOST: "127.0.0.1:9" };
const cli = (args: string[], stdin?: string) =>
  runCli(["translate", ...args], { cwd: home, env, ...(stdin !== undefined && { stdin }) });

const config = `
discover: { local: false, environment: false }
providers:
  claude: { type: anthropic, base_url: "http://127.0.0.1:9", api_key: sk-hidden-key, headers: { x-team: hidden-team } }
`;
const configPath = join(home, "megallm.yaml");
writeFileSync(configPath, config);
const request = JSON.stringify({
  model: "claude/claude-sonnet-4-5",
  messages: [
    { role: "system", content: "Be brief" },
    { role: "user", content: "Hi \u001b[2J" },
  ],
  max_completion_tokens: 50,
  seed: 7,
});
const file = join(home, "request.json");
writeFileSync(file, request);

describe("megallm translate", () => {
  test("prints the request line, headers, body and losses", async () => {
    const { code, stdout, stderr } = await cli([
      "--to",
      "anthropic-messages",
      "--config",
      configPath,
      file,
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("Read as openai-chat: `max_completion_tokens`.");
    expect(stdout).toContain("translated from openai-chat to anthropic-messages");
    expect(stdout).toContain("POST http://127.0.0.1:9/v1/messages\n");
    expect(stdout).toContain("anthropic-version: 2023-06-01\n");
    expect(stdout).toContain('"system": "Be brief"');
    expect(stdout).toMatch(
      /lost +for +why\nseed +anthropic +Anthropic Messages has no form for it/,
    );
    expect(stdout).not.toContain("\u001b");
    expect(stdout + stderr).not.toContain("hidden");
  });

  test("--json is one JSON document, from standard input too", async () => {
    const args = ["--to", "anthropic-messages", "--config", configPath, "--json"];
    for (const { code, stdout, stderr } of [
      await cli([...args, file]),
      await cli(args, request),
      await cli([...args, "-"], request),
    ]) {
      expect([code, stderr]).toEqual([0, ""]);
      expect(JSON.parse(stdout)).toMatchObject({
        from: "openai-chat",
        to: "anthropic-messages",
        provider: "claude",
        url: "http://127.0.0.1:9/v1/messages",
        body: { model: "claude-sonnet-4-5", max_tokens: 50 },
        warnings: [{ field: "seed" }],
      });
      expect(stdout).not.toContain("hidden");
    }
  });

  test("without any configuration it is shown for the dialect's vendor", async () => {
    const { code, stdout, stderr } = await cli([
      "--to",
      "gemini",
      "--model",
      "gemini-2.5-pro",
      file,
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain("No deployment of this model speaks gemini here");
    expect(stdout).toContain("POST (the address of gemini)");
    expect(stdout).toContain('"systemInstruction"');
  });

  test("exit codes tell wrong arguments from requests that cannot be translated", async () => {
    const wrong = await cli(["--to", "klingon", file]);
    expect([wrong.code, wrong.stdout]).toEqual([2, ""]);
    expect(wrong.stderr).toContain("--to: `klingon` is not a dialect");
    expect((await cli(["--too", "gemini", file])).code).toBe(2);
    const missing = await cli(["--to", "gemini", join(home, "nowhere.json")]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("nowhere.json")]);
    const broken = await cli(["--to", "gemini"], "{");
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining("JSON")]);
    const unknown = await cli(["--model", "nobody/has-it", file]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("not served here")]);
  });

  test("--help has the dialects and examples", async () => {
    const { code, stdout } = await cli(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Dialects: openai-chat, openai-responses");
    expect(stdout).toContain("Examples:\n  megallm translate --to anthropic-messages");
  });
});

test("POST /v1/translate says the same as the command", async () => {
  const daemon = await startDaemon({ config });
  onTestFinished(() => daemon.dispose());
  const ask = (key: string) =>
    fetch(`${daemon.url}/v1/translate?to=anthropic-messages`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: request,
    });
  const answer = await ask(daemon.adminKey);
  const { stdout } = await daemon.cli(
    "translate",
    "--to",
    "anthropic-messages",
    "--config",
    daemon.configPath,
    "--json",
    file,
  );
  expect(await answer.json()).toEqual(JSON.parse(stdout));
  expect((await ask("wrong")).status).toBe(401);
});
