// An idle Converse stream is kept alive by deltas that add nothing: Amazon's own SDK reads the same answer with and without.
import { afterAll, describe, expect, test } from "bun:test";
import {
  BedrockRuntimeClient,
  ConverseStreamCommand,
  type ConverseStreamOutput,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { bedrockConverse } from "../../src/dialects/bedrock-converse/index.ts";
import type { AnswerContext } from "../../src/dialects/dialect.ts";
import type { ChatResponse } from "../../src/ir/chat.ts";
import { createCollector, expand } from "../../src/ir/fold.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { eventstream } from "../../src/lib/eventstream.ts";
import type { Frame } from "../../src/lib/frame.ts";

const context: AnswerContext = { model: "m", includeUsage: true, warn: () => {} };
const { stream } = bedrockConverse;

const response: ChatResponse = {
  id: "r",
  model: "m",
  candidates: [
    {
      parts: [
        { type: "reasoning", text: "let me see", signature: "c2ln", origin: { dialect: "gemini" } },
        { type: "text", text: "I look é" },
        {
          type: "tool-call",
          id: "call_1",
          name: "get_weather",
          args: '{"city":"Paris"}',
          executor: "client",
        },
      ],
      finish: { reason: "tool-calls" },
    },
  ],
  usage: createUsage({ total: 3 }, { total: 2 }),
};

const encoder = stream.encoder(context);
const frames = expand(response).flatMap((event) => encoder.push(event));

/** With a beat wherever the stream could have been idle. */
const beaten = frames.flatMap((frame) => {
  const beat = stream.keepAlive(context, frame);
  return beat === null || typeof beat === "string" ? [frame] : [frame, beat, beat];
});

let sent: readonly Frame[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch() {
    const writer = eventstream.createWriter();
    const bytes = Buffer.concat([...sent.map((frame) => writer.write(frame)), writer.end()]);
    return new Response(bytes, { headers: { "content-type": eventstream.contentType } });
  },
});
const client = new BedrockRuntimeClient({
  region: "us-east-1",
  endpoint: server.url.href,
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  requestHandler: new NodeHttpHandler(),
  maxAttempts: 1,
});
afterAll(async () => {
  client.destroy();
  await server.stop(true);
});

async function readBySdk(given: readonly Frame[]): Promise<ConverseStreamOutput[]> {
  sent = given;
  const messages = [{ role: "user" as const, content: [{ text: "hi" }] }];
  const answer = await client.send(new ConverseStreamCommand({ modelId: "m", messages }));
  const events: ConverseStreamOutput[] = [];
  for await (const event of answer.stream ?? []) events.push(event);
  return events;
}

/** What a program that puts the deltas together has at the end. */
function gathered(events: readonly ConverseStreamOutput[]): Record<string, string> {
  const texts: Record<string, string> = {};
  const add = (key: string, text: string | undefined): void => {
    texts[key] = (texts[key] ?? "") + (text ?? "");
  };
  for (const { contentBlockDelta: each } of events) {
    const at = each?.contentBlockIndex ?? "";
    if (each?.delta?.text !== undefined) add(`text ${at}`, each.delta.text);
    if (each?.delta?.toolUse) add(`call ${at}`, each.delta.toolUse.input);
    const reasoning = each?.delta?.reasoningContent;
    if (reasoning) add(`thought ${at}`, reasoning.text);
  }
  return texts;
}

describe("beats", () => {
  test("stand in every kind of open block, and nowhere else", () => {
    const beats = frames.map((frame) => stream.keepAlive(context, frame));
    const told = beats.flatMap((beat) =>
      beat === null || typeof beat === "string" ? [] : [JSON.parse(beat.data) as { delta: object }],
    );
    const kinds = new Set(told.map(({ delta }) => JSON.stringify(delta)));
    expect([...kinds].toSorted()).toEqual([
      '{"reasoningContent":{"text":""}}',
      '{"text":""}',
      '{"toolUse":{"input":""}}',
    ]);
    for (const [at, frame] of frames.entries()) {
      if (frame.event !== "contentBlockDelta" && frame.event !== "contentBlockStart") {
        expect(beats[at]).toBeNull();
      }
    }
    expect(stream.keepAlive(context)).toBeNull();
  });

  test("change nothing for Amazon's SDK", async () => {
    const plain = await readBySdk(frames);
    const kept = await readBySdk(beaten);
    expect(kept.length).toBeGreaterThan(plain.length);
    expect(gathered(kept)).toEqual(gathered(plain));
    expect(Object.values(gathered(plain)).toSorted()).toEqual(
      ["I look é", "let me see", '{"city":"Paris"}'].toSorted(),
    );
  });

  test("change nothing for the dialect itself", () => {
    const read = (given: readonly Frame[]) => {
      const decoder = stream.decoder({ dialect: "bedrock-converse" });
      const collector = createCollector();
      for (const event of [...given.flatMap((frame) => decoder.push(frame)), ...decoder.end()]) {
        if (event.type === "error") throw event.error;
        collector.push(event);
      }
      const { candidates, usage } = collector.response();
      return { candidates, usage };
    };
    expect(read(beaten)).toEqual(read(frames));
  });

  test.each(["", "[]", "{", '{"contentBlockIndex":"0","delta":{"text":"x"}}', '{"delta":null}'])(
    "have no form after %s",
    (data) => {
      expect(stream.keepAlive(context, { event: "contentBlockDelta", data })).toBeNull();
    },
  );
});

test("this SDK skips an event that it does not know, which not every version of it does", async () => {
  const unknown: Frame = { event: "keepAlive", data: "{}" };
  const events = await readBySdk([unknown, ...frames.flatMap((frame) => [frame, unknown])]);
  expect(events).toEqual(await readBySdk(frames));
});
