// Tool calls: who may call what, several at once, results of every kind, and the loop back.
import { expect } from "bun:test";
import type { ToolResult, ToolSpec, Turn } from "../../support/pairs/conversation.ts";
import { png, pngShown } from "../../support/pairs/media.ts";
import { type Scene, scenes } from "../../support/pairs/scenes.ts";
import type { Stage, Talk } from "../../support/pairs/stage.ts";

export const weather: ToolSpec = {
  name: "get_weather",
  description: "The weather in a city",
  schema: {
    type: "object",
    properties: { city: { type: "string" }, unit: { type: "string", enum: ["C", "F"] } },
    required: ["city", "unit"],
    additionalProperties: false,
  },
};
export const clock: ToolSpec = {
  name: "get_time",
  description: "The time in a zone",
  schema: {
    type: "object",
    properties: { zone: { type: "string" } },
    required: ["zone"],
    additionalProperties: false,
  },
};
const tools = [weather, clock];
/** What the doubles make of the schemas. */
const weatherCall = { name: "get_weather", args: { city: "city", unit: "C" } };
const clockCall = { name: "get_time", args: { zone: "zone" } };

export function toolScenes(stage: () => Stage): void {
  scenes("tool choice auto", stage, async ({ ask }) => {
    const called = await ask({
      messages: [{ role: "user", text: "use tool" }],
      tools,
      choice: "auto",
    });
    expect(called.reply).toMatchObject({ text: "", finish: "tool-calls", calls: [weatherCall] });
    expect(called.lost).toEqual([]);
    const said = await ask({ messages: [{ role: "user", text: "hello" }], tools, choice: "auto" });
    expect(said.reply).toMatchObject({ text: "hello", finish: "stop", calls: [] });
  });

  scenes("tool choice none", stage, async ({ ask }) => {
    const { reply } = await ask({
      messages: [{ role: "user", text: "use tool" }],
      tools,
      choice: "none",
    });
    expect(reply).toMatchObject({ text: "use tool", finish: "stop", calls: [] });
  });

  scenes("tool choice required", stage, async ({ ask }) => {
    const { reply, lost } = await ask({
      messages: [{ role: "user", text: "hello" }],
      tools,
      choice: "required",
    });
    expect(reply).toMatchObject({ finish: "tool-calls", calls: [weatherCall] });
    expect(lost).toEqual([]);
  });

  scenes("tool choice by name", stage, async ({ ask }) => {
    const { reply, lost } = await ask({
      messages: [{ role: "user", text: "hello" }],
      tools,
      choice: { name: "get_time" },
    });
    expect(reply).toMatchObject({ finish: "tool-calls", calls: [clockCall] });
    expect(lost).toEqual([]);
  });

  scenes("strict tools", stage, async ({ ask, upstream, client }) => {
    const { reply, body, lost } = await ask({
      messages: [{ role: "user", text: "use tool" }],
      tools: [{ ...weather, strict: true }],
    });
    expect(reply.calls).toMatchObject([weatherCall]);
    expect(lost).toEqual([]);
    // The AI SDK's Anthropic provider does not ask for it of models that it does not know.
    if (client.name === "ai + anthropic" && upstream === "openai") return;
    const [tool] = body["tools"] as { strict?: boolean; function?: { strict?: boolean } }[];
    expect(upstream === "openai" ? tool?.function?.strict : tool?.strict).toBe(true);
  });

  scenes("parallel calls", stage, async (scene) => {
    const asked = { role: "user", text: "use tools" } as const;
    const first = await scene.ask({ messages: [asked], tools });
    const { calls } = first.reply;
    expect(first.reply).toMatchObject({ finish: "tool-calls", calls: [weatherCall, clockCall] });
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    const second = await answer(scene, first, [
      { call: calls[1]!, text: "noon" },
      { call: calls[0]!, text: "sunny" },
    ]);
    expect(second.reply).toMatchObject({ text: "The tool said: noon | sunny", finish: "stop" });
    expect(second.lost).toEqual([]);
  });

  scenes("parallel calls forbidden", stage, async ({ ask }) => {
    const { reply, lost } = await ask({
      messages: [{ role: "user", text: "use tools" }],
      tools,
      parallel: false,
    });
    expect(reply.calls).toMatchObject([weatherCall]);
    expect(lost).toEqual([]);
  });

  scenes("text before a call", stage, async (scene) => {
    scene.stage.upstreams[scene.upstream].script({
      kind: "tool-calls",
      text: "Let me look.",
      calls: [{ name: "get_time", args: { zone: "UTC", deep: [{ n: 1 }, null, 'é\n"\\'] } }],
    });
    const first = await scene.ask({ messages: [{ role: "user", text: "time?" }], tools });
    expect(first.reply).toMatchObject({
      text: "Let me look.",
      finish: "tool-calls",
      calls: [{ name: "get_time", args: { zone: "UTC", deep: [{ n: 1 }, null, 'é\n"\\'] } }],
    });
    const second = await answer(scene, first, [{ call: first.reply.calls[0]!, text: "12:00" }]);
    expect(second.reply.text).toBe("The tool said: 12:00");
    expect(second.lost).toEqual([]);
    expect(JSON.stringify(second.body["messages"])).toContain("Let me look.");
  });

  scenes("call without arguments", stage, async (scene) => {
    const ping: ToolSpec = {
      name: "ping",
      description: "Pings",
      schema: { type: "object", properties: {} },
    };
    scene.stage.upstreams[scene.upstream].script({
      kind: "tool-calls",
      calls: [{ name: "ping", args: "{}" }],
    });
    const first = await scene.ask({ messages: [{ role: "user", text: "go" }], tools: [ping] });
    expect(first.reply.calls).toMatchObject([{ name: "ping", args: {} }]);
    const second = await answer(
      scene,
      first,
      [{ call: first.reply.calls[0]!, text: "pong" }],
      [ping],
    );
    expect(second.reply.text).toBe("The tool said: pong");
  });

  scenes("tool result: error", stage, async (scene) => {
    const first = await scene.ask({ messages: [{ role: "user", text: "use tool" }], tools });
    const second = await answer(scene, first, [
      { call: first.reply.calls[0]!, text: "no such city", isError: true },
    ]);
    const flagged = scene.client.can.toolErrors;
    // The AI SDK's OpenAI provider wraps the error itself.
    const unflagged =
      scene.client.name === "ai + openai.chat" ? '{"error":"no such city"}' : "no such city";
    const shown = flagged ? "error: no such city" : unflagged;
    expect(second.reply.text.toLowerCase()).toBe(`the tool said: ${shown}`);
    const isLost = flagged && scene.upstream === "openai";
    expect(second.lost.filter((field) => field.endsWith("is_error"))).toHaveLength(isLost ? 1 : 0);
  });

  scenes(
    "tool result: image",
    stage,
    async (scene) => {
      const first = await scene.ask({ messages: [{ role: "user", text: "use tool" }], tools });
      const second = await answer(scene, first, [
        {
          call: first.reply.calls[0]!,
          text: "The map:",
          image: { base64: png, mediaType: "image/png" },
        },
      ]);
      expect(second.reply.text).toContain(pngShown);
      expect(JSON.stringify(second.body["messages"])).toContain("The map:");
      expect(second.lost).toEqual([]);
    },
    { clients: ["@anthropic-ai/sdk", "ai + anthropic"] },
  );

  scenes(
    "tool result: image",
    stage,
    async (scene) => {
      const first = await scene.ask({ messages: [{ role: "user", text: "use tool" }], tools });
      const second = await answer(scene, first, [
        {
          call: first.reply.calls[0]!,
          text: "The map:",
          image: { base64: png, mediaType: "image/png" },
        },
      ]);
      expect(second.reply.text).toBe(`The tool said: The map:\n${pngShown}`);
      expect(second.lost).toEqual([]);
    },
    { clients: ["ai + openai-compatible"], upstreams: ["anthropic"] },
  );

  scenes("long loop", stage, async (scene) => {
    const script = (name: string) =>
      scene.stage.upstreams[scene.upstream].script({
        kind: "tool-calls",
        calls: [{ name, args: { step: name } }],
      });
    script("get_weather");
    const first = await scene.ask({ messages: [{ role: "user", text: "go" }], tools });
    const one: ToolResult = { call: first.reply.calls[0]!, text: "one" };
    script("get_time");
    const turns: Turn[] = [
      { role: "user", text: "go" },
      { role: "echo", reply: first.reply },
      { role: "results", results: [one] },
    ];
    const second = await scene.ask({ messages: turns, tools });
    const third = await scene.ask({
      messages: [
        ...turns,
        { role: "echo", reply: second.reply },
        { role: "results", results: [{ call: second.reply.calls[0]!, text: "two" }] },
      ],
      tools,
    });
    expect(third.reply.text).toBe("The tool said: two");
    // The tools are gone, their calls are not.
    const last = await scene.ask({
      messages: [...turns, { role: "assistant", text: "Done." }, { role: "user", text: "thanks" }],
      ...(scene.relayed ? { tools } : {}),
    });
    expect(last.reply.text).toBe("thanks");
  });
}

/** The second turn of a tool loop. */
const answer = (
  { ask }: Scene,
  first: Talk,
  results: ToolResult[],
  offered: ToolSpec[] = tools,
): Promise<Talk> =>
  ask({
    messages: [
      { role: "user", text: "use tools" },
      { role: "echo", reply: first.reply },
      { role: "results", results },
    ],
    tools: offered,
  });
