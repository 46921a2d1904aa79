// `count_tokens`: relayed where the upstream counts, estimated and marked where it does not.
import { expect } from "bun:test";
import { toMessageParams } from "../../support/pairs/anthropic-client.ts";
import type { Asking } from "../../support/pairs/conversation.ts";
import { plainModels, scenes } from "../../support/pairs/scenes.ts";
import type { Stage } from "../../support/pairs/stage.ts";
import { weather } from "./tools.ts";

export function countingScenes(stage: () => Stage): void {
  scenes(
    "count_tokens",
    stage,
    async (scene) => {
      const { anthropic, exchanges } = scene.stage;
      const asking: Asking = {
        model: plainModels[scene.upstream],
        system: "Be brief.",
        messages: [{ role: "user", text: "How many tokens are these words?" }],
        tools: [weather],
      };
      const { max_tokens: _, ...params } = toMessageParams(asking);
      const { input_tokens: counted } = await anthropic.messages.countTokens(params);
      const exchange = exchanges.at(-1)!;
      const { bill } = await scene.ask(asking);
      if (scene.upstream === "anthropic") {
        expect(exchange.sent).toHaveLength(1);
        expect(counted).toBe(bill.inputTokens);
        expect(exchange.warnings).toEqual([]);
        return;
      }
      expect(exchange.sent).toHaveLength(0);
      expect(counted).toBeGreaterThan(10);
      expect(exchange.warnings.map(({ field }) => field)).toEqual(["input_tokens"]);
    },
    { clients: ["@anthropic-ai/sdk"], streams: [false] },
  );
}
