// `megallm import` as its user meets it: LiteLLM's file in, a file out that is served, every route of it asked.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isObject } from "../../src/lib/json.ts";
import { type Daemon, runCli, startDaemon } from "../support/daemon.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const openAiKey = "sk-openai-double-0123456789";
const anthropicKey = "sk-ant-double-0123456789";
const clientKey = "client-key-for-the-import-test";

let folder: string;
let openai: Upstream;
let anthropic: Upstream;
let daemon: Daemon;

const command = (...args: string[]) =>
  runCli(args, { cwd: folder, env: { HOME: folder, PATH: "/usr/bin:/bin" } });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "megallm-import-"));
  openai = await startOpenAiUpstream({
    key: openAiKey,
    script: ({ parsed }) =>
      isObject(parsed) && parsed["model"] === "gpt-4.1"
        ? { kind: "error", status: 503, type: "server_error", message: "Overloaded" }
        : undefined,
  });
  anthropic = await startAnthropicUpstream({ key: anthropicKey });
  writeFileSync(
    join(folder, "config.yaml"),
    `
model_list:
  # two of a kind
  - model_name: fast
    litellm_params: { model: openai/gpt-4o-mini, api_base: "${openai.baseUrl}", api_key: os.environ/OPENAI_DOUBLE, rpm: 10 }
  - model_name: fast
    litellm_params: { model: openai/gpt-4o, api_base: "${openai.baseUrl}", api_key: os.environ/OPENAI_DOUBLE, rpm: 5 }
  - model_name: claude
    litellm_params: { model: anthropic/claude-sonnet-4-5, api_base: "${anthropic.baseUrl}", api_key: ${anthropicKey} }
  - model_name: frail
    litellm_params: { model: openai/gpt-4.1, api_base: "${openai.baseUrl}", api_key: os.environ/OPENAI_DOUBLE }
  - model_name: all/*
    litellm_params: { model: openai/*, api_base: "${openai.baseUrl}", api_key: os.environ/OPENAI_DOUBLE }
  - model_name: embed
    litellm_params: { model: openai/text-embedding-3-small, api_base: "${openai.baseUrl}", api_key: os.environ/OPENAI_DOUBLE }
litellm_settings: { num_retries: 0, fallbacks: [{ frail: [claude] }], success_callback: [langfuse] }
router_settings: { model_group_alias: { gpt-4: fast } }
general_settings: { master_key: os.environ/MASTER }
`,
  );
});
afterAll(async () => {
  await daemon?.dispose();
  await Promise.all([openai.stop(), anthropic.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

describe("megallm import litellm", () => {
  test("writes a private file, a private list of secrets, and the report", async () => {
    const { code, stdout, stderr } = await command(
      "import",
      "litellm",
      "config.yaml",
      "--env",
      "secrets.env",
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(
      "Not carried (1):\n  litellm_settings.success_callback[0]: what happened is in the ledger",
    );
    expect(stdout).toContain("models.fast.deployments[0].weight");
    expect(stdout).not.toContain(anthropicKey);
    const text = readFileSync(join(folder, "megallm.yaml"), "utf8");
    expect(text).toContain("  # two of a kind\n  fast:\n");
    expect(text).not.toContain(anthropicKey);
    expect(readFileSync(join(folder, "secrets.env"), "utf8")).toBe(
      `ANTHROPIC_API_KEY=${anthropicKey}\n`,
    );
    for (const name of ["megallm.yaml", "secrets.env"]) {
      expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    }
  });

  test("does not replace a file unless told to", async () => {
    const refused = await command("import", "litellm", "config.yaml");
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain("is there already");
    const forced = await command("import", "litellm", "config.yaml", "--force");
    expect(forced.code).toBe(0);
    expect(forced.stdout).toContain("ANTHROPIC_API_KEY=   # model_list[2].litellm_params.api_key");
  });

  test("prints the file, or the report as JSON", async () => {
    const printed = await command("import", "litellm", "config.yaml", "--stdout");
    expect(printed.stdout).toBe(readFileSync(join(folder, "megallm.yaml"), "utf8"));
    expect(printed.stderr).toContain("Carried (");
    const json = await command(
      "import",
      "litellm",
      "config.yaml",
      "--json",
      "--output",
      "other.yaml",
    );
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      path: join(folder, "other.yaml"),
      counts: { not_carried: 1 },
      made_variables: [{ name: "ANTHROPIC_API_KEY", from: "model_list[2].litellm_params.api_key" }],
      problems: [],
    });
  });

  test("says what is wrong with a file, or a gateway's name", async () => {
    writeFileSync(join(folder, "odd.yaml"), "a: 1\n");
    const odd = await command("import", "litellm", "odd.yaml", "--stdout");
    expect([odd.code, odd.stdout]).toEqual([1, ""]);
    expect(odd.stderr).toContain("odd.yaml: There is no `model_list` in this file");
    const unknown = await command("import", "lite-llm", "config.yaml");
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      "`lite-llm` is not a gateway that can be imported from. Did you mean `litellm`?\n",
    ]);
    expect((await command("import", "litellm", "no-such-file.yaml", "--stdout")).code).toBe(1);
    expect((await command("import", "litellm", "config.yaml", "--stdout", "--json")).code).toBe(2);
  });

  test("what it wrote passes the check and is served: every route answers", async () => {
    const env = {
      OPENAI_DOUBLE: openAiKey,
      ANTHROPIC_API_KEY: anthropicKey,
      MASTER: "the-master-key-of-this-test",
      MEGALLM_CLIENT_KEY: clientKey,
    };
    const checked = await runCli(["check", "megallm.yaml"], {
      cwd: folder,
      env: { HOME: folder, PATH: "/usr/bin:/bin", ...env },
    });
    expect([checked.code, checked.stderr]).toEqual([0, ""]);
    daemon = await startDaemon({ config: readFileSync(join(folder, "megallm.yaml"), "utf8"), env });
    const post = async (path: string, body: object, key = clientKey) => {
      const answer = await fetch(`${daemon.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      await answer.text();
      return { status: answer.status, by: answer.headers.get("x-megallm-model") };
    };
    const messages = [{ role: "user", content: "Hi" }];
    for (const model of ["fast", "gpt-4", "claude", "frail", "all/gpt-4o"]) {
      const { status } = await post("/v1/chat/completions", { model, messages });
      expect([model, status]).toEqual([model, 200]);
    }
    expect((await post("/v1/embeddings", { model: "embed", input: "Hi" })).status).toBe(200);
    expect(
      (await post("/v1/chat/completions", { model: "fast", messages }, "wrong-key-0123456789"))
        .status,
    ).toBe(401);
    // `frail` is down: its fallback answered.
    const asked = anthropic.requests.filter(({ path }) => path === "/v1/messages");
    expect(asked.length).toBe(2);
  }, 30_000);
});
