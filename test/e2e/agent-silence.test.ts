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

  test.concurrent("agents wait for the first word", async () => {
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

  // Beside the others, at a vendor that none of them asks. A comment now and then would not do.
  test.concurrent.skipIf(codex.program === null)("Codex waits for the next event", async () => {
    const vendor = vendors.find(({ id }) => id === "responses");
    if (!vendor) throw new Error("there is no such vendor");
    const response = { id: "resp_1", object: "response", created_at: 1, model: "m", output: [] };
    const content = [{ type: "output_text", text: "Here I am.", annotations: [] }];
    const item = { id: "msg_1", type: "message", role: "assistant", status: "completed", content };
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
    const events = [
      { type: "response.created", response: { ...response, status: "in_progress" } },
      { type: "response.output_item.done", output_index: 0, item },
      {
        type: "response.completed",
        response: { ...response, status: "completed", output: [item], usage },
      },
    ].map((event, at) => `data: ${JSON.stringify({ ...event, sequence_number: at })}\n\n`);
    const [first = "", ...rest] = events;
    ground.upstreamOf(vendor).script({
      kind: "raw",
      status: 200,
      headers: { "content-type": "text/event-stream" },
      body: [first, silenceMs, rest.join("")],
    });
    const { isError, text } = await runAgent(
      codex,
      {
        url: ground.daemon.url,
        key: gatewayKey,
        model: `${vendor.id}/${vendor.model}`,
        prompt: "Think.",
        settings: patience,
      },
      { limitMs: silenceMs + 20_000 },
    );
    expect([isError, text]).toEqual([false, "Here I am."]);
  });
});
