// OpenAI's SDK: chat completions and Responses.
import OpenAI from "openai";
import { type Door, hear, key, payload, type Sdk } from "./heard.ts";

const connect = ({ fetch }: Door): OpenAI =>
  new OpenAI({ apiKey: key, baseURL: "http://gateway/v1", fetch, maxRetries: 0 });

export function openaiChat(door: Door): Sdk {
  const { completions } = connect(door).chat;
  const messages = [{ role: "user" as const, content: "Hello" }];
  return {
    wire: "openai-chat",
    ask: (model, stream) =>
      hear(async (payloads) => {
        if (!stream) {
          payloads.push(payload(await completions.create({ model, messages })));
          return undefined;
        }
        const answer = completions.stream({
          model,
          messages,
          stream_options: { include_usage: true },
        });
        for await (const chunk of answer) payloads.push(payload(chunk));
        return answer.finalChatCompletion();
      }),
  };
}

export function openaiResponses(door: Door): Sdk {
  const { responses } = connect(door);
  return {
    wire: "openai-responses",
    ask: (model, stream) =>
      hear(async (payloads) => {
        const request = { model, input: "Hello", store: false };
        if (!stream) {
          payloads.push(payload(await responses.create(request)));
          return undefined;
        }
        const answer = responses.stream(request);
        for await (const event of answer) payloads.push(payload(event));
        return answer.finalResponse();
      }),
  };
}
