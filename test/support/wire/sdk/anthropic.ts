// Anthropic's SDK, and its requests at the path that Google Cloud gives them.
import Anthropic from "@anthropic-ai/sdk";
import type { RawMessageStreamEvent } from "@anthropic-ai/sdk/resources/messages";
import type { Stream } from "@anthropic-ai/sdk/streaming";
import { type Door, hear, key, payload, type Sdk } from "./heard.ts";

const connect = ({ fetch }: Door): Anthropic =>
  new Anthropic({ apiKey: key, baseURL: "http://gateway", fetch, maxRetries: 0 });

const asking = { max_tokens: 1024, messages: [{ role: "user" as const, content: "Hello" }] };

export function anthropicMessages(door: Door): Sdk {
  const { messages } = connect(door);
  return {
    wire: "anthropic-messages",
    ask: (model, stream) =>
      hear(async (payloads) => {
        if (!stream) {
          payloads.push(payload(await messages.create({ model, ...asking })));
          return undefined;
        }
        const answer = messages.stream({ model, ...asking });
        // The SDK goes on changing the events' own message: kept as they came.
        for await (const event of answer) payloads.push(payload(structuredClone(event)));
        return answer.finalMessage();
      }),
  };
}

export function vertexRaw(door: Door): Sdk {
  const client = connect(door);
  const place = "/v1/projects/p/locations/us-east5/publishers/anthropic/models";
  return {
    wire: "anthropic-messages",
    ask: (model, stream) =>
      hear(async (payloads) => {
        const path = `${place}/${encodeURIComponent(model)}:${stream ? "streamRawPredict" : "rawPredict"}`;
        const body = { anthropic_version: "vertex-2023-10-16", ...asking, stream };
        if (!stream) {
          payloads.push(payload(await client.post(path, { body })));
          return undefined;
        }
        const answer = await client.post<Stream<RawMessageStreamEvent>>(path, { body, stream });
        for await (const event of answer) payloads.push(payload(event));
        return undefined;
      }),
  };
}
