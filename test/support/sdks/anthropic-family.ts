// Anthropic's SDKs for the clouds that serve Claude.
import type Anthropic from "@anthropic-ai/sdk";
import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";
import { AnthropicVertex } from "@anthropic-ai/vertex-sdk";
import { type Connected, type Heard, type Sdk, weather } from "./sdk.ts";

interface Messages {
  create(body: Anthropic.MessageCreateParamsNonStreaming): PromiseLike<Anthropic.Message>;
  stream(body: Anthropic.MessageStreamParams): { finalMessage(): Promise<Anthropic.Message> };
}

const connected = (messages: Messages): Connected => ({
  async ask({ model, prompt, stream, tool }) {
    const body = {
      model,
      max_tokens: 1_000,
      messages: [{ role: "user" as const, content: prompt }],
      ...(tool && {
        tools: [
          { name: weather.name, description: weather.description, input_schema: weather.schema },
        ],
      }),
    };
    const message = stream
      ? await messages.stream(body).finalMessage()
      : await messages.create(body);
    return heardIn(message);
  },
});

export const heardIn = ({ content, usage }: Anthropic.Message): Heard => ({
  text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
  calls: content.flatMap((block) =>
    block.type === "tool_use" ? [{ name: block.name, args: block.input }] : [],
  ),
  inputTokens: usage.input_tokens,
  outputTokens: usage.output_tokens,
});

export const bedrockSdk: Sdk = {
  name: "@anthropic-ai/bedrock-sdk",
  connect: (url, key) =>
    connected(
      new AnthropicBedrock({ apiKey: key, baseURL: url, awsRegion: "us-east-1", maxRetries: 0 })
        .messages,
    ),
};

/** As Google's library gives its token, without asking Google for one. */
const googleClient = (token: string): AuthClient =>
  ({
    getRequestHeaders: () => Promise.resolve(new Headers({ authorization: `Bearer ${token}` })),
  }) as unknown as AuthClient;

type AuthClient = NonNullable<ConstructorParameters<typeof AnthropicVertex>[0]>["authClient"];

export const vertexSdk: Sdk = {
  name: "@anthropic-ai/vertex-sdk",
  connect: (url, key) =>
    connected(
      new AnthropicVertex({
        authClient: googleClient(key),
        baseURL: `${url}/v1`,
        region: "us-east5",
        projectId: "project",
        maxRetries: 0,
      }).messages,
    ),
};
