// Amazon Bedrock: every model by Converse; those of Anthropic, OpenAI and Cohere also in their own wires.
import { bedrockInvoke } from "../../dialects/anthropic-messages/envelopes.ts";
import type { Envelope } from "../../dialects/envelope.ts";
import { awsAuth, awsRegion, awsSettings, awsTraces } from "../auth/aws.ts";
import { anthropicVersion } from "../compatible.ts";
import type { Provider } from "../provider.ts";

/** Model ids may begin with an inference profile's region: `eu.anthropic.…`. */
const by = (name: string): RegExp =>
  new RegExp(`^(?:[a-z-]+\\.)?${name.replaceAll(".", String.raw`\.`)}`);

const invoke = "/model/{model}/invoke";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html */
const cohereEmbed: Envelope = { id: "bedrock-cohere-embed", omits: ["model"] };

/** https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-api-ref.html */
const cohereRerank: Envelope = {
  id: "bedrock-cohere-rerank",
  omits: ["model"],
  adds: { api_version: 2 },
};

export const bedrock: Provider = {
  id: "bedrock",
  label: "Amazon Bedrock",
  docs: "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html",
  env: ["AWS_BEARER_TOKEN_BEDROCK"],
  baseUrl: "https://bedrock-runtime.{region}.amazonaws.com",
  urlSettings: { region: awsRegion },
  authSettings: awsSettings,
  keyless: true,
  traces: awsTraces,
  speaks: {
    chat: [
      {
        dialect: "bedrock-converse",
        path: "/model/{model}/converse",
        streamPath: "/model/{model}/converse-stream",
      },
      {
        dialect: "anthropic-messages",
        path: invoke,
        streamPath: "/model/{model}/invoke-with-response-stream",
        envelope: bedrockInvoke,
        headers: anthropicVersion,
        models: by("anthropic."),
      },
      {
        dialect: "openai-chat",
        path: "/openai/v1/chat/completions",
        models: by("openai."),
      },
      {
        dialect: "openai-responses",
        path: "/openai/v1/responses",
        models: by("openai."),
      },
    ],
    embeddings: [
      { dialect: "bedrock-converse", path: invoke, models: by("amazon.") },
      { dialect: "cohere", path: invoke, envelope: cohereEmbed, models: by("cohere.embed-") },
    ],
    rerank: [
      { dialect: "cohere", path: invoke, envelope: cohereRerank, models: by("cohere.rerank-v3") },
    ],
  },
  authorize: awsAuth("bedrock"),
  modelsUrl: "https://bedrock.{region}.amazonaws.com/foundation-models",
  quirks: {},
};
