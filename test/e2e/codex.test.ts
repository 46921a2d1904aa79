// What only Codex does, through the executable: tools that take text, tools in namespaces, local providers, long waits.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  installed,
  type Ran,
  runAgent,
  type RunOptions,
  type Task,
} from "../support/agents/agent.ts";
import { codex, patchOf } from "../support/agents/codex.ts";
import {
  gatewayKey,
  type Ground,
  openGround,
  refusals,
  vendors,
} from "../support/agents/ground.ts";
import { startDaemon } from "../support/daemon.ts";
import { png } from "../support/pairs/media.ts";

describe.skipIf(installed([codex]).length === 0)("Codex", () => {
  let ground: Ground;
  beforeAll(async () => {
    // It knows models by how their names begin, and what they can do by that.
    const known = vendors.map(({ id, model }) => [`gpt-5.5-${id}`, `${id}/${model}`]);
    const newest = vendors.map(({ id, model }) => [`gpt-6.1-sol-${id}`, `${id}/${model}`]);
    ground = await openGround({ models: Object.fromEntries([...known, ...newest]) });
  });
  afterAll(() => ground.stop());
  afterEach(() => ground.reset());

  const ask = (
    task: Pick<Task, "model" | "prompt"> & Partial<Task>,
    options?: RunOptions,
  ): Promise<Ran> => runAgent(codex, { url: ground.daemon.url, key: gatewayKey, ...task }, options);

  for (const vendor of vendors) {
    test(`${vendor.name}: a patch is text, where the vendor's models write JSON too`, async () => {
      const upstream = ground.upstreamOf(vendor);
      const patch = patchOf("made.txt", ['It\'s "quoted" \\ and', "über lines"]);
      const isOwn = vendor.id === "responses";
      upstream.script({
        kind: "tool-calls",
        calls: [{ name: "apply_patch", args: isOwn ? patch : { input: patch } }],
      });
      const ran = await ask(
        { model: `gpt-5.5-${vendor.id}`, prompt: "Make a file." },
        { wanted: ["made.txt"] },
      );
      expect(refusals(upstream)).toEqual([]);
      expect(ran.files).toEqual({ "made.txt": 'It\'s "quoted" \\ and\nüber lines\n' });
      expect(ran.text).toContain("Success. Updated the following files");
      const body = JSON.stringify(upstream.requests[0]?.parsed);
      expect(body.includes('"type":"custom"')).toBe(isOwn);
    });

    test(`${vendor.name}: a tool in a namespace is called in it`, async () => {
      const upstream = ground.upstreamOf(vendor);
      upstream.script({
        kind: "tool-calls",
        calls: [{ name: "close_agent", args: { target: "x" } }],
      });
      const ran = await ask({ model: `${vendor.id}/${vendor.model}`, prompt: "Stop it." });
      expect(refusals(upstream)).toEqual([]);
      // The tool's own words: a call without its namespace is answered "unsupported call".
      expect(ran.text).toContain("invalid agent id x");
    });

    test(`${vendor.name}: tools that stand in the input, and take text in a namespace`, async () => {
      const upstream = ground.upstreamOf(vendor);
      const code = 'text("from " + "code");\n';
      upstream.script({
        kind: "tool-calls",
        calls: [{ name: "exec", args: vendor.id === "responses" ? code : { input: code } }],
      });
      const ran = await ask({ model: `gpt-6.1-sol-${vendor.id}`, prompt: "Run some code." });
      expect(refusals(upstream)).toEqual([]);
      expect(ran.text).toContain("from code");
    });

    test(`${vendor.name}: a picture given with the prompt, and an answer by a schema`, async () => {
      const upstream = ground.upstreamOf(vendor);
      const isFitting = vendor.id !== "bedrock";
      const schema = {
        type: "object",
        properties: { word: { type: "string" } },
        required: ["word"],
        additionalProperties: false,
      };
      const ran = await ask(
        {
          model: `${vendor.id}/${vendor.model}`,
          prompt: "What is in it?",
          // Nova answers by a schema through a tool that it must call: the double calls the first of all.
          args: [...(isFitting ? ["--output-schema", "schema.json"] : []), "-i", "dot.png"],
        },
        { files: { "dot.png": Buffer.from(png, "base64"), "schema.json": JSON.stringify(schema) } },
      );
      expect(refusals(upstream)).toEqual([]);
      expect(ran.isError).toBe(false);
      if (isFitting) expect(JSON.parse(ran.text)).toEqual({ word: expect.any(String) });
      expect(JSON.stringify(upstream.requests[0]?.parsed)).toContain(png);
    });
  }

  test("a WebSocket that is tried first is refused at once, and costs nothing", async () => {
    const ran = await ask({
      model: "demo/fixed:Hello",
      prompt: "Hello",
      settings: "supports_websockets = true",
    });
    expect([ran.isError, ran.text]).toEqual([false, "Hello"]);
    expect(ran.stdout).not.toContain("Reconnecting");
  });

  test.each(["ollama", "lmstudio"])("without configuration, as a local %s", async (local) => {
    const daemon = await startDaemon();
    try {
      const ran = await runAgent(codex, {
        url: daemon.url,
        key: "none",
        // It must be listed.
        model: "demo/echo",
        prompt: "Hello",
        args: ["--oss", "--local-provider", local],
        env: { CODEX_OSS_BASE_URL: `${daemon.url}/v1` },
      });
      expect([ran.isError, ran.text]).toEqual([false, "Hello"]);
    } finally {
      await daemon.dispose();
    }
  });
});
