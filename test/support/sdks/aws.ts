// Amazon's SDK: its own messages, and Anthropic's inside of `InvokeModel`.
import {
  BedrockRuntimeClient,
  type ContentBlock,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import type Anthropic from "@anthropic-ai/sdk";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { heardIn } from "./anthropic-family.ts";
import { heard, type Heard, type Question, type Sdk, weather } from "./sdk.ts";

export const awsClient = (url: string, key: string): BedrockRuntimeClient =>
  new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: url,
    token: { token: key },
    authSchemePreference: ["httpBearerAuth"],
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  });

export const awsConverse: Sdk = {
  name: "@aws-sdk/client-bedrock-runtime, Converse",
  connect: (url, key) => {
    const client = awsClient(url, key);
    return {
      ask: (question) => (question.stream ? streamed(client, question) : whole(client, question)),
    };
  },
};

const inputOf = ({ model, prompt, tool }: Question) => ({
  modelId: model,
  messages: [{ role: "user" as const, content: [{ text: prompt }] }],
  ...(tool && {
    toolConfig: {
      tools: [
        {
          toolSpec: {
            name: weather.name,
            description: weather.description,
            inputSchema: { json: weather.schema },
          },
        },
      ],
    },
  }),
});

async function whole(client: BedrockRuntimeClient, question: Question): Promise<Heard> {
  const { output, usage } = await client.send(new ConverseCommand(inputOf(question)));
  const content: ContentBlock[] = output?.message?.content ?? [];
  return {
    text: content.map(({ text = "" }) => text).join(""),
    calls: content.flatMap(({ toolUse }) =>
      toolUse ? [{ name: toolUse.name ?? "", args: toolUse.input }] : [],
    ),
    inputTokens: usage?.inputTokens,
    outputTokens: usage?.outputTokens,
  };
}

async function streamed(client: BedrockRuntimeClient, question: Question): Promise<Heard> {
  const { stream = [] } = await client.send(new ConverseStreamCommand(inputOf(question)));
  const result = heard();
  const inputs = new Map<number, { name: string; json: string }>();
  let isOver = false;
  for await (const event of stream) {
    const at = event.contentBlockStart?.contentBlockIndex ?? 0;
    const begun = event.contentBlockStart?.start?.toolUse;
    if (begun) inputs.set(at, { name: begun.name ?? "", json: "" });
    const delta = event.contentBlockDelta;
    result.text += delta?.delta?.text ?? "";
    const call = inputs.get(delta?.contentBlockIndex ?? -1);
    if (call) call.json += delta?.delta?.toolUse?.input ?? "";
    result.inputTokens = event.metadata?.usage?.inputTokens ?? result.inputTokens;
    result.outputTokens = event.metadata?.usage?.outputTokens ?? result.outputTokens;
    if (event.messageStop) isOver = true;
  }
  if (!isOver) throw new Error("the stream ended without its last event");
  for (const { name, json } of inputs.values()) {
    result.calls.push({ name, args: JSON.parse(json) });
  }
  return result;
}

export const awsInvoke: Sdk = {
  name: "@aws-sdk/client-bedrock-runtime, InvokeModel",
  connect: (url, key) => {
    const client = awsClient(url, key);
    return {
      async ask({ model, prompt, stream, tool }) {
        const body = JSON.stringify({
          anthropic_version: "bedrock-2023-05-31",
          max_tokens: 1_000,
          messages: [{ role: "user", content: prompt }],
          ...(tool && {
            tools: [
              {
                name: weather.name,
                description: weather.description,
                input_schema: weather.schema,
              },
            ],
          }),
        });
        const input = { modelId: model, contentType: "application/json", body };
        if (stream) return invokeStreamed(client, input);
        const answer = await client.send(new InvokeModelCommand(input));
        return heardIn(JSON.parse(answer.body.transformToString()) as Anthropic.Message);
      },
    };
  },
};

async function invokeStreamed(
  client: BedrockRuntimeClient,
  input: { modelId: string; body: string },
): Promise<Heard> {
  const answer = await client.send(new InvokeModelWithResponseStreamCommand(input));
  const result = heard();
  let call: { name: string; json: string } | undefined;
  let isOver = false;
  for await (const { chunk } of answer.body ?? []) {
    const event = JSON.parse(
      new TextDecoder().decode(chunk?.bytes),
    ) as Anthropic.MessageStreamEvent;
    if (event.type === "message_start") result.inputTokens = event.message.usage.input_tokens;
    if (event.type === "message_delta") {
      result.inputTokens = event.usage.input_tokens ?? result.inputTokens;
      result.outputTokens = event.usage.output_tokens;
    }
    if (event.type === "content_block_start" && event.content_block.type === "tool_use") {
      call = { name: event.content_block.name, json: "" };
    }
    if (event.type === "content_block_delta") {
      if (event.delta.type === "text_delta") result.text += event.delta.text;
      if (event.delta.type === "input_json_delta" && call) call.json += event.delta.partial_json;
    }
    if (event.type === "content_block_stop" && call) {
      result.calls.push({ name: call.name, args: JSON.parse(call.json) });
      call = undefined;
    }
    if (event.type === "message_stop") isOver = true;
  }
  if (!isOver) throw new Error("the stream ended without its last event");
  return result;
}
