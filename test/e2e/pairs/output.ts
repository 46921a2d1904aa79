// How an answer ends and what shapes it: schemas, stop sequences, limits, sampling, refusals.
import { expect } from "bun:test";
import { scenes } from "../../support/pairs/scenes.ts";
import type { Stage } from "../../support/pairs/stage.ts";

const schema = {
  type: "object",
  properties: {
    title: { type: "string" },
    count: { type: "integer" },
    tags: { type: "array", items: { type: "string" } },
  },
  required: ["title", "count", "tags"],
  additionalProperties: false,
};

export function outputScenes(stage: () => Stage): void {
  scenes("structured output", stage, async ({ ask, upstream, client }) => {
    const { reply, body, lost } = await ask({
      messages: [{ role: "user", text: "Describe it." }],
      format: { name: "thing", schema },
    });
    expect(JSON.parse(reply.text)).toEqual({ title: "title", count: 1, tags: ["tags"] });
    expect(reply.finish).toBe("stop");
    expect(lost).toEqual([]);
    // The AI SDK's Anthropic provider asks models that it does not know with a tool instead.
    if (client.name === "ai + anthropic" && upstream === "openai") return;
    const format = upstream === "openai" ? body["response_format"] : body["output_config"];
    expect(JSON.stringify(format)).toContain('"json_schema"');
  });

  scenes("stop sequence", stage, async ({ ask, client, upstream }) => {
    const { reply, lost } = await ask({
      messages: [{ role: "user", text: "one two STOP three" }],
      stop: ["END", "STOP"],
    });
    expect(reply).toMatchObject({ text: "one two ", finish: "stop" });
    // OpenAI does not say which sequence it was.
    const isTold = client.name === "@anthropic-ai/sdk" && upstream === "anthropic";
    expect(reply.stopSequence).toBe(isTold ? "STOP" : undefined);
    expect(lost).toEqual([]);
  });

  scenes("length", stage, async ({ ask }) => {
    const { reply, bill, lost } = await ask({
      messages: [{ role: "user", text: "a long answer that will not be told to its end" }],
      maxTokens: 5,
    });
    expect(reply).toMatchObject({ text: "a long answer that w", finish: "length" });
    expect(bill.outputTokens).toBe(5);
    expect(lost).toEqual([]);
  });

  scenes("refusal", stage, async ({ ask, upstream, client, stage: { upstreams } }) => {
    upstreams[upstream].script({ kind: "refusal", text: "I will not." });
    const { reply } = await ask({ messages: [{ role: "user", text: "Do it." }] });
    const said = reply.text + reply.refusal;
    // The AI SDK's provider for this wire does not read refusals.
    if (!client.name.startsWith("ai +")) expect(said).toBe("I will not.");
    const isNamed = client.dialect === "anthropic-messages" || upstream === "anthropic";
    if (isNamed) expect(reply.finish).toBe("refusal");
  });

  scenes("sampling", stage, async ({ ask, upstream, client }) => {
    // This SDK speaks the API version that has no sampling settings, as its upstream then knows.
    const samples = !(client.name === "@anthropic-ai/sdk" && upstream === "anthropic");
    const { reply, body, lost } = await ask({
      messages: [{ role: "user", text: "hello" }],
      ...(samples ? { temperature: 0.3 } : {}),
      user: "user-7",
    });
    expect(reply.text).toBe("hello");
    if (samples) expect(body["temperature"]).toBe(0.3);
    if (upstream === "openai") expect(body["user"]).toBe("user-7");
    else expect(body["metadata"]).toEqual({ user_id: "user-7" });
    expect(lost).toEqual([]);
    if (!samples) return;
    const top = await ask({ messages: [{ role: "user", text: "hello" }], topP: 0.5 });
    expect(top.body["top_p"]).toBe(0.5);
  });
}
