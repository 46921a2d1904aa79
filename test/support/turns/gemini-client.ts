// The official `@google/genai` in a conversation with tools.
import { type Content, GoogleGenAI } from "@google/genai";
import type { JsonObject } from "../../../src/lib/json.ts";
import { isObject } from "../../../src/lib/json.ts";
import { argsBack, parameters, toolName, type TurnClient } from "./client.ts";

export function createGeminiClient(url: string, key: string): TurnClient {
  const sdk = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, apiVersion: "v1beta" } });
  return {
    dialect: "gemini",
    user: (text) => [{ role: "user", parts: [{ text }] }],
    back({ native, text, calls }, keeping) {
      if (keeping === "whole") return [{ role: "model", parts: native }];
      const said = text === "" ? [] : [{ text }];
      const parts = calls.map((call, index) => ({
        functionCall: { id: call.id, name: call.name, args: argsBack(call, keeping, index) },
      }));
      return [{ role: "model", parts: [...said, ...parts] }];
    },
    results: (calls) => [
      {
        role: "user",
        parts: calls.map(({ id, name }, index) => ({
          functionResponse: { id, name, response: { output: `result ${index}` } },
        })),
      },
    ],
    async ask(model, history, stream) {
      const params = {
        model,
        contents: history as unknown as Content[],
        config: {
          maxOutputTokens: 8_000,
          thinkingConfig: { includeThoughts: true, thinkingBudget: 4_000 },
          tools: [
            {
              functionDeclarations: [
                { name: toolName, description: "Looks outside.", parametersJsonSchema: parameters },
              ],
            },
          ],
        },
      };
      const native: JsonObject[] = [];
      const take = (answer: { candidates?: { content?: Content }[] | undefined }): void => {
        const parts = answer.candidates?.[0]?.content?.parts ?? [];
        native.push(...(JSON.parse(JSON.stringify(parts)) as JsonObject[]));
      };
      if (stream) {
        for await (const chunk of await sdk.models.generateContentStream(params)) take(chunk);
      } else take(await sdk.models.generateContent(params));
      return {
        text: native
          .map(({ text, thought }) => (thought === true || typeof text !== "string" ? "" : text))
          .join(""),
        calls: native.flatMap(({ functionCall: call }) =>
          isObject(call)
            ? [
                {
                  id: String(call["id"]),
                  name: String(call["name"]),
                  args: isObject(call["args"]) ? call["args"] : {},
                },
              ]
            : [],
        ),
        native,
      };
    },
  };
}
