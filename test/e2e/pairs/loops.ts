// The SDKs' own tool loops and helpers.
import type Anthropic from "@anthropic-ai/sdk";
import {
  generateText,
  isStepCount,
  type JSONSchema7,
  jsonSchema,
  type ModelMessage,
  Output,
  streamText,
  tool,
} from "ai";
import { expect } from "bun:test";
import { type AiClient, aiCounts } from "../../support/pairs/ai-client.ts";
import { plainModels, type Scene, scenes } from "../../support/pairs/scenes.ts";
import {
  aiClientNames,
  checkExchange,
  type Exchange,
  expectBilled,
} from "../../support/pairs/stage.ts";
import type { Stage } from "../../support/pairs/stage.ts";
import { clock, weather } from "./tools.ts";

export function loopScenes(stage: () => Stage): void {
  scenes(
    "loop of the AI SDK",
    stage,
    async (scene) => {
      const { steps, text, exchanges, totals } = await runLoop(scene, "use tools", {});
      expect(steps).toBe(2);
      expect(text).toBe("The tool said: C in city | noon in zone");
      expect(exchanges).toHaveLength(2);
      let [input, output] = [0, 0];
      for (const exchange of exchanges) {
        const { bill } = await checkExchange(scene.stage, exchange, scene.upstream, scene.stream);
        input += bill.inputTokens;
        output += bill.outputTokens;
      }
      expect(totals).toMatchObject({ input, output });
    },
    { clients: aiClientNames },
  );

  scenes(
    "loop of the AI SDK, thinking",
    stage,
    async (scene) => {
      const { upstream, client, stream } = scene;
      const model = upstream === "openai" ? "o4-mini" : "claude-haiku-4-5";
      const { steps, text, exchanges } = await runLoop(scene, "use tool", {
        model,
        reasoning: client.can.budget ? { budget: 1024 } : { effort: "low" },
      });
      expect(steps).toBe(2);
      expect(text).toBe("The tool said: C in city");
      const first = await checkExchange(scene.stage, exchanges[0]!, upstream, stream);
      expect(first.bill.reasoningTokens).toBeGreaterThan(0);
      const second = await checkExchange(scene.stage, exchanges[1]!, upstream, stream);
      if (upstream === "openai") return;
      const turns = second.body["messages"] as { role: string; content: { type: string }[] }[];
      const called = turns.find(({ role }) => role === "assistant")?.content[0]?.type;
      // Without the signatures the upstream would refuse to go on thinking: what a client cannot carry is put back.
      expect(called).toBe("thinking");
      expect(second.body["thinking"]).toBeDefined();
      const lost = exchanges[1]!.warnings.map(({ field }) => field);
      expect(lost).not.toContain("reasoning");
    },
    { clients: aiClientNames },
  );

  scenes(
    "partial objects of the AI SDK",
    stage,
    async (scene) => {
      const result = streamText({
        model: aiClientOf(scene).model(plainModels[scene.upstream]),
        maxRetries: 0,
        prompt: "Describe it.",
        output: Output.object({ schema: jsonSchema<{ title: string; note: string }>(titled) }),
      });
      const partials: unknown[] = [];
      for await (const partial of result.partialOutputStream) partials.push(partial);
      expect(partials.length).toBeGreaterThan(1);
      expect(await result.output).toEqual({ title: "title", note: "note" });
      const counts = aiCounts(await result.usage);
      expectBilled(counts, scene.stage.exchanges.at(-1)!.bills[0]!);
    },
    { clients: aiClientNames, streams: [true] },
  );

  scenes(
    "tool runner of the SDK",
    stage,
    async ({ stage: { openai, exchanges, ...rest }, upstream, stream }) => {
      const before = exchanges.length;
      const params = {
        model: plainModels[upstream],
        messages: [{ role: "user" as const, content: "use tool" }],
        tools: [
          {
            type: "function" as const,
            function: {
              name: weather.name,
              description: weather.description,
              parameters: weather.schema,
              parse: (text: string) => JSON.parse(text) as { city: string; unit: string },
              function: ({ city, unit }: { city: string; unit: string }) => `${unit} in ${city}`,
            },
          },
        ],
      };
      const runner = stream
        ? openai.chat.completions.runTools({
            ...params,
            stream: true,
            stream_options: { include_usage: true },
          })
        : openai.chat.completions.runTools({ ...params, stream: false });
      expect(await runner.finalContent()).toBe("The tool said: C in city");
      await expectTwoSteps({ ...rest, openai, exchanges }, before, upstream, stream);
    },
    { clients: ["openai"] },
  );

  scenes(
    "tool runner of the SDK",
    stage,
    async ({ stage: { anthropic, exchanges, ...rest }, upstream, stream }) => {
      const before = exchanges.length;
      const message: Anthropic.Beta.BetaMessage = await anthropic.beta.messages.toolRunner({
        model: plainModels[upstream],
        max_tokens: 1024,
        messages: [{ role: "user", content: "use tool" }],
        stream,
        tools: [
          {
            name: weather.name,
            description: weather.description,
            input_schema: weather.schema as Anthropic.Beta.BetaTool.InputSchema,
            parse: (input: unknown) => input as { city: string; unit: string },
            run: ({ city, unit }: { city: string; unit: string }) => `${unit} in ${city}`,
          },
        ],
      });
      expect(message.content).toMatchObject([{ type: "text", text: "The tool said: C in city" }]);
      await expectTwoSteps({ ...rest, anthropic, exchanges }, before, upstream, stream);
    },
    { clients: ["@anthropic-ai/sdk"] },
  );
}

async function expectTwoSteps(
  stage: Stage,
  before: number,
  upstream: "openai" | "anthropic",
  stream: boolean,
): Promise<void> {
  // Anthropic's runner first tries a conversation kept by the server, and takes the native refusal in its stride.
  const made = stage.exchanges.slice(before).filter(({ status }) => status !== 400);
  expect(made).toHaveLength(2);
  for (const exchange of made) await checkExchange(stage, exchange, upstream, stream);
}

const titled: JSONSchema7 = {
  type: "object",
  properties: { title: { type: "string" }, note: { type: "string" } },
  required: ["title", "note"],
  additionalProperties: false,
};

const aiClientOf = ({ stage, client }: Scene): AiClient => {
  const found = stage.aiClients.find(({ name }) => name === client.name);
  if (!found) throw new Error(`${client.name} is none of the AI SDK`);
  return found;
};

interface Loop {
  steps: number;
  text: string;
  exchanges: Exchange[];
  totals: { input: number; output: number };
}

/** The SDK runs the tools and asks again until the model is done. */
async function runLoop(
  scene: Scene,
  text: string,
  asked: { model?: string; reasoning?: { effort: string } | { budget: number } },
): Promise<Loop> {
  const client = aiClientOf(scene);
  const { stage, stream, upstream } = scene;
  const before = stage.exchanges.length;
  const messages: ModelMessage[] = [{ role: "user", content: text }];
  const model = asked.model ?? plainModels[upstream];
  const reasoning = asked.reasoning;
  const providerOptions = client.options({
    model,
    messages: [],
    ...(reasoning ? { reasoning } : {}),
  });
  const settings = {
    model: client.model(model),
    maxRetries: 0,
    maxOutputTokens: 4096,
    messages,
    stopWhen: isStepCount(5),
    ...(providerOptions ? { providerOptions } : {}),
    // The setting that providers without an option of their own read.
    ...(reasoning && "effort" in reasoning && client.name === "ai + openai-compatible"
      ? { reasoning: "low" as const }
      : {}),
    tools: {
      [weather.name]: tool({
        description: weather.description,
        inputSchema: jsonSchema<{ city: string; unit: string }>(weather.schema as JSONSchema7),
        execute: async ({ city, unit }) => `${unit} in ${city}`,
      }),
      [clock.name]: tool({
        description: clock.description,
        inputSchema: jsonSchema<{ zone: string }>(clock.schema as JSONSchema7),
        execute: async ({ zone }) => `noon in ${zone}`,
      }),
    },
  };
  const result = stream ? streamText(settings) : await generateText(settings);
  const [steps, said, usage] = await Promise.all([result.steps, result.text, result.usage]);
  return {
    steps: steps.length,
    text: said,
    exchanges: stage.exchanges.slice(before),
    totals: aiCounts(usage),
  };
}
