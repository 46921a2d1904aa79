// Provider presets for the configuration tests: few, and independent of the shipped list.
import type { Provider } from "../../../src/providers/provider.ts";

const bearer: Provider["authorize"] = ({ headers }, { apiKey }) => {
  if (apiKey) headers.set("authorization", `Bearer ${apiKey.reveal()}`);
};

const chat: Provider["speaks"] = { chat: [{ dialect: "openai-chat", path: "/chat/completions" }] };
const messages: Provider["speaks"] = {
  chat: [{ dialect: "anthropic-messages", path: "/v1/messages" }],
};

const preset = (id: string, rest: Partial<Provider>): Provider => ({
  id,
  label: id,
  docs: "https://example.com/docs",
  env: [],
  speaks: chat,
  authorize: bearer,
  quirks: {},
  ...rest,
});

export const presets: readonly Provider[] = [
  preset("demo", { serve: () => new Response("{}") }),
  preset("openai", { env: ["OPENAI_API_KEY"], baseUrl: "https://api.openai.test/v1" }),
  preset("anthropic", {
    env: ["ANTHROPIC_API_KEY"],
    baseUrl: "https://api.anthropic.test/v1",
    speaks: messages,
  }),
  preset("both", {
    env: ["BOTH_KEY", "BOTH_TOKEN"],
    baseUrl: "https://both.test/v1",
    speaks: {
      chat: [
        { dialect: "openai-chat", path: "/chat/completions" },
        {
          dialect: "anthropic-messages",
          path: "/v1/messages",
          baseUrl: "https://{region}.both.test/anthropic",
        },
      ],
    },
    urlSettings: {
      region: {
        description: "Region of the account",
        pattern: /[a-z0-9-]+/,
        env: ["BOTH_REGION"],
        example: "eu-west-1",
      },
    },
  }),
  preset("ollama", { local: true, baseUrl: "http://127.0.0.1:11434/v1" }),
  preset("openai-compatible", {}),
  preset("anthropic-compatible", {
    speaks: messages,
    authorize: ({ headers }, { apiKey }) => {
      if (apiKey) headers.set("x-api-key", apiKey.reveal());
    },
    headers: { "anthropic-version": "2023-06-01" },
  }),
];
