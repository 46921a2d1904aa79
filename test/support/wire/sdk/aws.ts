// Amazon's SDK: Converse, and InvokeModel with Anthropic's messages inside.
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { isObject } from "../../../../src/lib/json.ts";
import { type Door, hear, payload, type Sdk } from "./heard.ts";

const connect = ({ origin }: Door): BedrockRuntimeClient =>
  new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: origin,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  });

const statusOf = (thrown: object): unknown => {
  const metadata: unknown = "$metadata" in thrown && thrown.$metadata;
  return isObject(metadata) && metadata["httpStatusCode"];
};

export function bedrockConverse(door: Door): Sdk {
  const client = connect(door);
  return {
    wire: "bedrock-converse",
    ask: (modelId, stream) =>
      hear(async (payloads) => {
        const asking = {
          modelId,
          messages: [{ role: "user" as const, content: [{ text: "Hello" }] }],
        };
        if (!stream) payloads.push(payload(await client.send(new ConverseCommand(asking))));
        else {
          const answer = await client.send(new ConverseStreamCommand(asking));
          for await (const event of answer.stream ?? []) payloads.push(payload(event));
        }
        return undefined;
      }, statusOf),
  };
}

const decoder = new TextDecoder();

export function bedrockInvoke(door: Door): Sdk {
  const client = connect(door);
  const body = JSON.stringify({
    anthropic_version: "bedrock-2023-05-31",
    max_tokens: 1024,
    messages: [{ role: "user", content: "Hello" }],
  });
  return {
    wire: "anthropic-messages",
    ask: (modelId, stream) =>
      hear(async (payloads) => {
        const asking = { modelId, body, contentType: "application/json" };
        if (!stream) {
          const answer = await client.send(new InvokeModelCommand(asking));
          payloads.push(payload(JSON.parse(decoder.decode(answer.body))));
          return undefined;
        }
        const answer = await client.send(new InvokeModelWithResponseStreamCommand(asking));
        for await (const { chunk } of answer.body ?? []) {
          payloads.push(payload(JSON.parse(decoder.decode(chunk?.bytes))));
        }
        return undefined;
      }, statusOf),
  };
}
