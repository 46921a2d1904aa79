// Amazon Bedrock (OpenAI-compatible): the engine with stateful Responses; Anthropic's models in their own wire.
import { awsAuth, awsRegion, awsSettings } from "../auth/aws.ts";
import { defineCompatible } from "../compatible.ts";

export const bedrockMantle = defineCompatible({
  id: "bedrock_mantle",
  label: "Amazon Bedrock (OpenAI-compatible)",
  docs: "https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html",
  env: ["AWS_BEARER_TOKEN_BEDROCK"],
  baseUrl: "https://bedrock-mantle.{region}.api.aws/v1",
  urlSettings: { region: awsRegion },
  authSettings: awsSettings,
  keyless: true,
  responses: true,
  anthropic: {
    baseUrl: "https://bedrock-mantle.{region}.api.aws/anthropic",
    models: /^(?:[a-z-]+\.)?anthropic\./,
  },
  authorize: awsAuth("bedrock-mantle"),
});
