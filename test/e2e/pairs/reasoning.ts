// Thinking: how hard, shown, and sent back signed where the upstream demands it.
import { expect } from "bun:test";
import type { UpstreamName } from "../../support/pairs/conversation.ts";
import { clientsWhere, type Scene, scenes } from "../../support/pairs/scenes.ts";
import type { Stage, Talk } from "../../support/pairs/stage.ts";
import { weather } from "./tools.ts";

/** Anthropic's three ways to be told: by a budget alone, by either, by an effort alone. */
const byBudget = "claude-haiku-4-5";
const byEither = "claude-opus-4-6";
const byEffort = "claude-sonnet-5";
const thinker: Readonly<Record<UpstreamName, string>> = { openai: "o4-mini", anthropic: byEither };

export function reasoningScenes(stage: () => Stage): void {
  scenes("reasoning by effort", stage, async (scene) => {
    const { ask, upstream, client } = scene;
    for (const effort of ["low", "medium", "high"]) {
      const { reply, body, bill, lost } = await ask({
        model: thinker[upstream],
        messages: [{ role: "user", text: "Think." }],
        reasoning: { effort },
      });
      expect(reply.text).toBe("Think.");
      expect(bill.reasoningTokens).toBeGreaterThan(0);
      expectShown(scene, reply.reasoning);
      if (upstream === "openai") expect(body["reasoning_effort"]).toBe(effort);
      else
        expect(body).toMatchObject({ thinking: { type: "adaptive" }, output_config: { effort } });
      // Anthropic's clients ask for a summary, which OpenAI chat does not have.
      const asksForSummary = client.dialect === "anthropic-messages" && upstream === "openai";
      expect(lost).toEqual(asksForSummary ? ["thinking.display"] : []);
    }
  });

  scenes(
    "effort as budget",
    stage,
    async (scene) => {
      const { reply, body, bill, lost } = await scene.ask({
        model: byBudget,
        messages: [{ role: "user", text: "Think." }],
        reasoning: { effort: "medium" },
      });
      expect(reply.text).toBe("Think.");
      expect(bill.reasoningTokens).toBeGreaterThan(0);
      expectShown(scene, reply.reasoning);
      expect(body["thinking"]).toEqual({ type: "enabled", budget_tokens: 2048 });
      expect(lost).toEqual([]);
      const newest = await scene.ask({
        model: byEffort,
        messages: [{ role: "user", text: "Think." }],
        reasoning: { effort: "medium" },
      });
      expectShown(scene, newest.reply.reasoning);
      expect(newest.body["output_config"]).toEqual({ effort: "medium" });
    },
    { clients: clientsWhere({ dialect: "openai-chat" }), upstreams: ["anthropic"] },
  );

  scenes(
    "reasoning by budget",
    stage,
    async (scene) => {
      const { upstream, ask } = scene;
      const { reply, body, bill } = await ask({
        model: upstream === "openai" ? "o4-mini" : byBudget,
        messages: [{ role: "user", text: "Think." }],
        reasoning: { budget: 2048 },
      });
      expect(reply.text).toBe("Think.");
      expect(bill.reasoningTokens).toBeGreaterThan(0);
      expectShown(scene, reply.reasoning);
      if (upstream === "openai") expect(body["reasoning_effort"]).toBe("medium");
      else expect(body["thinking"]).toEqual({ type: "enabled", budget_tokens: 2048 });
    },
    { clients: clientsWhere({ dialect: "anthropic-messages" }) },
  );

  scenes("reasoning in a tool loop", stage, async (scene) => {
    const { upstream, client } = scene;
    const models = upstream === "openai" ? ["o4-mini"] : [byBudget, byEither, byEffort];
    for (const model of models) {
      const how = model === byBudget && client.can.budget ? { budget: 1024 } : { effort: "low" };
      // A client of Anthropic's wire asks as the model wants; other models refuse it natively.
      const { first, second } = await loop(scene, model, how);
      expect(first.bill.reasoningTokens).toBeGreaterThan(0);
      if (upstream === "openai") continue;
      const blocks = lastAssistant(second);
      // What a client cannot carry is put back.
      expect(blocks[0]).toMatchObject({ type: "thinking", signature: expect.any(String) });
      expect(second.bill.reasoningTokens).toBeGreaterThan(0);
      if (client.can.replayReasoning) expect(second.lost).toEqual([]);
      else expect(second.lost).not.toContain("reasoning");
    }
  });

  scenes(
    "redacted thinking",
    stage,
    async (scene) => {
      scene.stage.upstreams.anthropic.script({
        kind: "tool-calls",
        reasoning: "In the open.",
        redacted: "In secret.",
        calls: [{ name: weather.name, args: { city: "Rome", unit: "C" } }],
      });
      const { second } = await loop(
        scene,
        byBudget,
        scene.client.can.budget ? { budget: 1024 } : { effort: "low" },
      );
      expect(lastAssistant(second).map(({ type }) => type)).toEqual([
        "thinking",
        "redacted_thinking",
        "tool_use",
      ]);
      expect(second.lost).toEqual([]);
    },
    { clients: clientsWhere({ replayReasoning: true }), upstreams: ["anthropic"] },
  );

  scenes(
    "thinking of one, asked of other",
    stage,
    async (scene) => {
      const { client } = scene;
      const { first } = await loop(
        scene,
        byBudget,
        client.can.budget ? { budget: 1024 } : { effort: "low" },
      );
      const other = await scene.askAt("openai", {
        model: "gpt-4o",
        messages: [
          { role: "user", text: "use tool" },
          { role: "echo", reply: first.reply },
          { role: "results", results: [{ call: first.reply.calls[0]!, text: "sunny" }] },
        ],
        tools: [weather],
      });
      expect(other.reply.text).toBe("The tool said: sunny");
      if (client.can.showReasoning) expect(other.lost).not.toEqual([]);
      // And back again: the first model gets its own thinking, whole.
      const back = await scene.ask({
        model: byBudget,
        messages: [
          { role: "user", text: "use tool" },
          { role: "echo", reply: first.reply },
          { role: "results", results: [{ call: first.reply.calls[0]!, text: "sunny" }] },
          { role: "echo", reply: other.reply },
          { role: "user", text: "And now?" },
        ],
        tools: [weather],
      });
      expect(back.reply.text).toBe("And now?");
    },
    { upstreams: ["anthropic"] },
  );

  scenes(
    "model that cannot think",
    stage,
    async (scene) => {
      const { client, upstream, ask } = scene;
      const { reply, lost, bill } = await ask({
        model: upstream === "openai" ? "gpt-4o" : "claude-3-5-haiku-20241022",
        messages: [{ role: "user", text: "Think." }],
        reasoning: client.can.budget ? { budget: 2048 } : { effort: "high" },
      });
      expect(reply.text).toBe("Think.");
      expect(bill.reasoningTokens).toBe(0);
      expect(lost).toContain("reasoning");
    },
    { translated: true },
  );
}

/** Two turns of a tool loop with thinking. */
async function loop(
  { ask }: Scene,
  model: string,
  reasoning: { effort: string } | { budget: number },
): Promise<{ first: Talk; second: Talk }> {
  const asked = { role: "user", text: "use tool" } as const;
  const first = await ask({ model, messages: [asked], tools: [weather], reasoning });
  expect(first.reply.finish).toBe("tool-calls");
  const second = await ask({
    model,
    messages: [
      asked,
      { role: "echo", reply: first.reply },
      { role: "results", results: [{ call: first.reply.calls[0]!, text: "sunny" }] },
    ],
    tools: [weather],
    reasoning,
  });
  expect(second.reply.text).toBe("The tool said: sunny");
  return { first, second };
}

/** OpenAI chat keeps the thinking of OpenAI's models to itself. */
function expectShown({ client, upstream }: Scene, reasoning: string): void {
  const isShown = upstream === "anthropic" && client.can.showReasoning;
  expect(reasoning).toBe(isShown ? "The user wrote: Think." : "");
}

const lastAssistant = ({ body }: Talk): Record<string, unknown>[] =>
  (body["messages"] as { role: string; content: Record<string, unknown>[] }[]).findLast(
    ({ role }) => role === "assistant",
  )?.content ?? [];
