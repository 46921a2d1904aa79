// The AI SDK with its providers for Google and for Bedrock.
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { generateText, jsonSchema, type LanguageModel, streamText, tool as toolOf } from "ai";
import { type Connected, type Sdk, weather } from "./sdk.ts";

const connected = (modelOf: (name: string) => LanguageModel): Connected => ({
  async ask({ model, prompt, stream, tool }) {
    const question = {
      model: modelOf(model),
      prompt,
      maxRetries: 0,
      ...(tool && {
        tools: {
          [weather.name]: toolOf({
            description: weather.description,
            inputSchema: jsonSchema(weather.schema),
          }),
        },
      }),
    };
    let failure: unknown;
    const answer = stream
      ? streamText({ ...question, onError: ({ error }) => void (failure ??= error) })
      : await generateText(question);
    try {
      const [text, calls, usage, reason] = await Promise.all([
        answer.text,
        answer.toolCalls,
        answer.usage,
        answer.finishReason,
      ]);
      if (failure !== undefined) throw failure;
      if (reason === "interrupted") throw new Error("the answer was interrupted");
      return {
        text,
        calls: calls.map(({ toolName, input }) => ({ name: toolName, args: input })),
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
      };
    } catch (error) {
      throw failure ?? error;
    }
  },
});

export const aiGoogle: Sdk = {
  name: "@ai-sdk/google",
  connect: (url, key) =>
    connected(createGoogleGenerativeAI({ apiKey: key, baseURL: `${url}/v1beta` })),
};

export const aiBedrock: Sdk = {
  name: "@ai-sdk/amazon-bedrock",
  connect: (url, key) =>
    connected(createAmazonBedrock({ apiKey: key, baseURL: url, region: "us-east-1" })),
};
