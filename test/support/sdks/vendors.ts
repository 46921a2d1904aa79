// The SDKs of OpenAI (Responses), Google, Ollama and Cohere.
import { GoogleGenAI } from "@google/genai";
import { CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { heard, type Sdk, weather } from "./sdk.ts";

export const responsesSdk: Sdk = {
  name: "openai, Responses",
  connect: (url, key) => {
    const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
    return {
      async ask({ model, prompt, stream, tool }) {
        const body = {
          model,
          input: prompt,
          ...(tool && {
            tools: [
              {
                type: "function" as const,
                name: weather.name,
                description: weather.description,
                parameters: weather.schema,
                strict: false,
              },
            ],
          }),
        };
        const answer = stream
          ? await client.responses.stream(body).finalResponse()
          : await client.responses.create(body);
        return {
          text: answer.output_text,
          calls: answer.output.flatMap((item) =>
            item.type === "function_call"
              ? [{ name: item.name, args: JSON.parse(item.arguments) as unknown }]
              : [],
          ),
          inputTokens: answer.usage?.input_tokens,
          outputTokens: answer.usage?.output_tokens,
        };
      },
    };
  },
};

const googleSdk = (apiVersion: "v1" | "v1beta"): Sdk => ({
  name: `@google/genai, ${apiVersion}`,
  connect: (url, key) => {
    const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, apiVersion } });
    return {
      async ask({ model, prompt, stream, tool }) {
        const question = {
          model,
          contents: prompt,
          ...(tool && {
            config: {
              tools: [
                {
                  functionDeclarations: [
                    {
                      name: weather.name,
                      description: weather.description,
                      parametersJsonSchema: weather.schema,
                    },
                  ],
                },
              ],
            },
          }),
        };
        const chunks = stream
          ? await Array.fromAsync(await client.models.generateContentStream(question))
          : [await client.models.generateContent(question)];
        if (!chunks.some(({ candidates }) => candidates?.[0]?.finishReason)) {
          throw new Error("the answer ended without a reason");
        }
        const result = heard();
        for (const { candidates, functionCalls = [], usageMetadata } of chunks) {
          for (const { text, thought } of candidates?.[0]?.content?.parts ?? []) {
            if (!thought) result.text += text ?? "";
          }
          for (const { name = "", args } of functionCalls) result.calls.push({ name, args });
          result.inputTokens = usageMetadata?.promptTokenCount ?? result.inputTokens;
          result.outputTokens = usageMetadata?.candidatesTokenCount ?? result.outputTokens;
        }
        return result;
      },
    };
  },
});
export const googleBeta = googleSdk("v1beta");
export const googleFirst = googleSdk("v1");

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

export const ollamaSdk: Sdk = {
  name: "ollama",
  connect: (url, key) => {
    const client = new Ollama({ host: url, headers: bearer(key) });
    return {
      async ask({ model, prompt, stream, tool }) {
        const question = {
          model,
          messages: [{ role: "user", content: prompt }],
          ...(tool && {
            tools: [
              {
                type: "function",
                function: {
                  name: weather.name,
                  description: weather.description,
                  parameters: weather.schema,
                },
              },
            ],
          }),
        };
        const chunks = stream
          ? await Array.fromAsync(await client.chat({ ...question, stream: true }))
          : [await client.chat(question)];
        if (!chunks.at(-1)?.done) throw new Error("the answer ended before it was done");
        const result = heard();
        for (const { message, prompt_eval_count, eval_count } of chunks) {
          result.text += message.content;
          for (const { function: called } of message.tool_calls ?? []) {
            result.calls.push({ name: called.name, args: called.arguments });
          }
          result.inputTokens = prompt_eval_count ?? result.inputTokens;
          result.outputTokens = eval_count ?? result.outputTokens;
        }
        return result;
      },
    };
  },
};

export const cohereSdk: Sdk = {
  name: "cohere-ai",
  connect: (url, key) => {
    const client = new CohereClientV2({ token: key, environment: url, maxRetries: 0 });
    return {
      async ask({ model, prompt, stream, tool }) {
        const question = {
          model,
          messages: [{ role: "user" as const, content: prompt }],
          ...(tool && {
            tools: [
              {
                type: "function" as const,
                function: {
                  name: weather.name,
                  description: weather.description,
                  parameters: weather.schema,
                },
              },
            ],
          }),
        };
        const result = heard();
        if (!stream) {
          const { message, usage } = await client.chat(question);
          for (const block of message.content ?? []) {
            if (block.type === "text") result.text += block.text;
          }
          for (const { function: called } of message.toolCalls ?? []) {
            result.calls.push({
              name: called?.name ?? "",
              args: JSON.parse(called?.arguments ?? "null"),
            });
          }
          result.inputTokens = usage?.tokens?.inputTokens;
          result.outputTokens = usage?.tokens?.outputTokens;
          return result;
        }
        const calls: { name: string; json: string }[] = [];
        let isOver = false;
        for await (const event of await client.chatStream(question)) {
          if (event.type === "content-delta") {
            result.text += event.delta?.message?.content?.text ?? "";
          } else if (event.type === "tool-call-start") {
            const called = event.delta?.message?.toolCalls?.function;
            calls.push({ name: called?.name ?? "", json: called?.arguments ?? "" });
          } else if (event.type === "tool-call-delta") {
            const last = calls.at(-1);
            if (last) last.json += event.delta?.message?.toolCalls?.function?.arguments ?? "";
          } else if (event.type === "message-end") {
            if (event.delta?.finishReason === "ERROR") throw new Error("the answer ended in error");
            isOver = true;
            result.inputTokens = event.delta?.usage?.tokens?.inputTokens;
            result.outputTokens = event.delta?.usage?.tokens?.outputTokens;
          }
        }
        if (!isOver) throw new Error("the stream ended without its last event");
        result.calls = calls.map(({ name, json }) => ({ name, args: JSON.parse(json) }));
        return result;
      },
    };
  },
};
