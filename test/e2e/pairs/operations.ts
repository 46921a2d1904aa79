// What OpenAI's wire offers beside chat: relayed to the upstream that has it, refused for the other.
import { expect } from "bun:test";
import { readFailure } from "../../support/pairs/failures.ts";
import { scenes } from "../../support/pairs/scenes.ts";
import type { Stage } from "../../support/pairs/stage.ts";

export function operationScenes(stage: () => Stage): void {
  scenes(
    "embeddings and more",
    stage,
    async ({ stage: { openai, exchanges }, stream }) => {
      const embedded = await openai.embeddings.create({
        model: "text-embedding-3-small",
        input: ["a", "b"],
      });
      expect(embedded.data).toHaveLength(2);
      expect(exchanges.at(-1)!.bills[0]!.inputTokens).toBe(embedded.usage.prompt_tokens);
      const moderated = await openai.moderations.create({
        model: "openai/omni-moderation-latest",
        input: "hello",
      });
      expect(moderated.results).toHaveLength(1);
      const params = { model: "gpt-3.5-turbo-instruct", prompt: "Once upon", max_tokens: 20 };
      if (!stream) {
        const completed = await openai.completions.create(params);
        expect(completed.choices[0]?.text).toContain("Once upon");
        expect(completed.usage?.completion_tokens).toBe(exchanges.at(-1)!.bills[0]!.outputTokens);
        return;
      }
      let text = "";
      for await (const chunk of await openai.completions.create({ ...params, stream: true })) {
        text += chunk.choices[0]?.text ?? "";
        // Asked for by the gateway, not by the client.
        expect(chunk.choices).toHaveLength(1);
      }
      expect(text).toContain("Once upon");
    },
    { clients: ["openai"], upstreams: ["openai"] },
  );

  scenes(
    "embeddings and more",
    stage,
    async ({ stage: { openai, exchanges } }) => {
      const thrown = await openai.embeddings
        .create({ model: "claude-haiku-4-5", input: "a" })
        .catch((error: unknown) => error);
      expect(readFailure("openai", thrown)).toMatchObject({ kind: "bad-request", status: 400 });
      expect(exchanges.at(-1)!.sent).toHaveLength(0);
    },
    { clients: ["openai"], upstreams: ["anthropic"], streams: [false] },
  );

  scenes(
    "several answers",
    stage,
    async ({ stage: { openai, exchanges }, stream }) => {
      const params = {
        model: "gpt-4o",
        n: 2,
        messages: [{ role: "user" as const, content: "hello" }],
      };
      const texts = ["", ""];
      if (stream) {
        for await (const chunk of await openai.chat.completions.create({
          ...params,
          stream: true,
        })) {
          for (const { index, delta } of chunk.choices) texts[index] += delta.content ?? "";
        }
      } else {
        const answer = await openai.chat.completions.create(params);
        for (const { index, message } of answer.choices) texts[index] += message.content ?? "";
      }
      expect(texts).toEqual(["hello", "hello"]);
      expect(exchanges.at(-1)!.bills[0]!.outputTokens).toBe(4);
    },
    { clients: ["openai"], upstreams: ["openai"] },
  );

  scenes(
    "list of models",
    stage,
    async ({ stage: { openai, anthropic }, client }) => {
      const ids: string[] = [];
      if (client.name === "openai")
        ids.push(...(await openai.models.list()).data.map(({ id }) => id));
      else for await (const model of anthropic.models.list()) ids.push(model.id);
      expect(ids).toContain("openai/gpt-4o");
      expect(ids).toContain("anthropic/claude-haiku-4-5");
    },
    { clients: ["openai", "@anthropic-ai/sdk"], streams: [false] },
  );
}
