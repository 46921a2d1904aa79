// Ollama's SDK: chat, and the older generate.
import { Ollama } from "ollama";
import { type Door, hear, payload, type Sdk } from "./heard.ts";

const connect = ({ fetch }: Door): Ollama => new Ollama({ host: "http://gateway", fetch });

const statusOf = (thrown: object): unknown => "status_code" in thrown && thrown.status_code;

export function ollamaChat(door: Door): Sdk {
  const client = connect(door);
  const messages = [{ role: "user", content: "Hello" }];
  return {
    wire: "ollama",
    ask: (model, stream) =>
      hear(async (payloads) => {
        if (!stream) payloads.push(payload(await client.chat({ model, messages, stream })));
        else {
          const answer = await client.chat({ model, messages, stream });
          for await (const line of answer) payloads.push(payload(line));
        }
        return undefined;
      }, statusOf),
  };
}

export function ollamaGenerate(door: Door): Sdk {
  const client = connect(door);
  return {
    wire: "ollama",
    ask: (model, stream) =>
      hear(async (payloads) => {
        const request = { model, prompt: "Hello" };
        if (!stream) payloads.push(payload(await client.generate({ ...request, stream })));
        else {
          const answer = await client.generate({ ...request, stream });
          for await (const line of answer) payloads.push(payload(line));
        }
        return undefined;
      }, statusOf),
  };
}
