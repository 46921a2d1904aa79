// What clients are told they used, against what the upstream charges.
import { expect } from "bun:test";
import { clientsWhere, scenes } from "../../support/pairs/scenes.ts";
import type { Stage } from "../../support/pairs/stage.ts";

export function usageScenes(stage: () => Stage): void {
  // `ask` itself compares what is told with the bill.
  scenes("usage with cache details", stage, async ({ ask, upstream, stage: { upstreams } }) => {
    upstreams[upstream].script({
      kind: "default",
      usage: {
        input: 5_000,
        cached: 3_072,
        output: 700,
        ...(upstream === "anthropic" ? { cacheWrite5m: 512, cacheWrite1h: 256 } : {}),
      },
    });
    const { reply } = await ask({ messages: [{ role: "user", text: "hello" }] });
    expect(reply.usage).toMatchObject({ input: 5_000, cacheRead: 3_072, output: 700 });
    if (upstream === "anthropic" && reply.usage.cacheWrite !== null) {
      expect(reply.usage.cacheWrite).toBe(768);
    }
  });

  scenes(
    "prompt cache of the upstream",
    stage,
    async (scene) => {
      const { ask, upstream, client, stream } = scene;
      const system = `${client.name} ${stream} ${"Rules are rules. ".repeat(400)}`;
      const hint = client.can.cacheHints;
      const once = () =>
        ask({ system, cacheSystem: hint, messages: [{ role: "user", text: "hello" }] });
      const first = await once();
      const second = await once();
      const isHintLost = hint && upstream === "openai" && client.dialect === "anthropic-messages";
      expect(first.lost.some((field) => field.endsWith("cache_control"))).toBe(isHintLost);
      // OpenAI caches unasked, Anthropic where it is told to: the same bytes must arrive both times.
      const caches = upstream === "openai" || hint;
      expect(first.bill.cachedInputTokens).toBe(0);
      if (caches) expect(second.bill.cachedInputTokens).toBeGreaterThan(1_000);
      if (upstream === "anthropic" && hint) {
        expect(first.bill.cacheWrite5mTokens).toBe(second.bill.cachedInputTokens);
      }
      expect(Buffer.from(second.exchange.sent[0]!.body).equals(first.exchange.sent[0]!.body)).toBe(
        true,
      );
    },
    { clients: clientsWhere({}).filter((name) => name !== "openai") },
  );

  scenes(
    "prompt-cache hints, OpenAI form",
    stage,
    async (scene) => {
      // OpenAI refuses the hint that OpenRouter and others take; on one wire that is between them.
      const { ask, stream } = scene;
      const system = `openai ${stream} ${"Rules are rules. ".repeat(400)}`;
      const once = () =>
        ask({ system, cacheSystem: true, messages: [{ role: "user", text: "hello" }] });
      const first = await once();
      const second = await once();
      expect(first.lost).toEqual([]);
      expect(first.bill.cacheWrite5mTokens).toBeGreaterThan(1_000);
      expect(second.reply.usage.cacheRead).toBe(first.bill.cacheWrite5mTokens);
    },
    { clients: ["openai"], upstreams: ["anthropic"] },
  );
}
