// Cohere's SDK.
import { CohereClientV2 } from "cohere-ai";
import { type Door, hear, key, payload, type Sdk, snakeCased } from "./heard.ts";

export const connectCohere = ({ fetch }: Door): CohereClientV2 =>
  new CohereClientV2({ token: key, environment: "http://gateway", fetch, maxRetries: 0 });

export function cohere(door: Door): Sdk {
  const client = connectCohere(door);
  return {
    wire: "cohere",
    ask: (model, stream) =>
      hear(
        async (payloads) => {
          const request = { model, messages: [{ role: "user" as const, content: "Hello" }] };
          if (!stream) payloads.push(payload(snakeCased(await client.chat(request))));
          else {
            const answer = await client.chatStream(request);
            for await (const event of answer) payloads.push(payload(snakeCased(event)));
          }
          return undefined;
        },
        (thrown) => "statusCode" in thrown && thrown.statusCode,
      ),
  };
}
