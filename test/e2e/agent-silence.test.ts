// A model that thinks in silence before its first word: every agent waits, kept by what its own wire knows (R09, R10).
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { installed, runAgent } from "../support/agents/agent.ts";
import { claudeOnBedrock, claudeOnVertex } from "../support/agents/claude-clouds.ts";
import { codex } from "../support/agents/codex.ts";
import { geminiCli } from "../support/agents/gemini-cli.ts";
import { gatewayKey, type Ground, openGround, vendors } from "../support/agents/ground.ts";

/** Longer than the gateway waits before it opens a stream, and than it is silent on one. */
const silenceMs = 16_000;
/** Codex hangs up after so long without an event. */
const patience = "stream_idle_timeout_ms = 13000\nstream_max_retries = 0\nrequest_max_retries = 0";

const agents = installed([codex, geminiCli, claudeOnBedrock, claudeOnVertex]);

describe.skipIf(agents.length === 0)("silence", () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await openGround();
  });
  afterAll(() => ground.stop());

  test("agents wait for the first word", async () => {
    // Each at another vendor, so that all can wait at once.
    const runs = agents.map(async (agent, index) => {
      const vendor = vendors[(index + 2) % vendors.length];
      if (!vendor) throw new Error("there are more agents than vendors");
      ground.upstreamOf(vendor).script({
        kind: "slow",
        firstByteMs: silenceMs,
        answer: { kind: "text", text: "Here I am." },
      });
      const { isError, text } = await runAgent(
        agent,
        {
          url: ground.daemon.url,
          key: gatewayKey,
          model: `${vendor.id}/${vendor.model}`,
          prompt: "Think.",
        },
        { limitMs: silenceMs + 20_000 },
      );
      const asked = ground
        .upstreamOf(vendor)
        .requests.filter(({ method }) => method === "POST").length;
      return { name: agent.name, isError, text, asked };
    });
    expect(await Promise.all(runs)).toEqual(
      agents.map(({ name }) => ({ name, isError: false, text: "Here I am.", asked: 1 })),
    );
  });

  // A comment now and then would not do.
  test.skipIf(codex.program === null)("Codex waits for the next word", async () => {
    const [vendor] = vendors;
    if (!vendor) throw new Error("there are no vendors");
    const chunk = (delta: object, finish: string | null = null): string =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    ground.upstreamOf(vendor).script({
      kind: "raw",
      status: 200,
      headers: { "content-type": "text/event-stream" },
      body: [
        chunk({ role: "assistant", content: "Here " }),
        silenceMs,
        chunk({ content: "I am." }) + chunk({}, "stop") + "data: [DONE]\n\n",
      ],
    });
    const model = `${vendor.id}/${vendor.model}`;
    const task = {
      url: ground.daemon.url,
      key: gatewayKey,
      model,
      prompt: "x",
      settings: patience,
    };
    const { isError, text } = await runAgent(codex, task, { limitMs: silenceMs + 20_000 });
    expect([isError, text]).toEqual([false, "Here I am."]);
  });
});
