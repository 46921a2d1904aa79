// Amazon Bedrock (OpenAI-compatible).
import { defineCompatible } from "../compatible.ts";

export const bedrockMantle = defineCompatible({
  id: "bedrock_mantle",
  label: "Amazon Bedrock (OpenAI-compatible)",
  docs: "https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html",
  env: ["AWS_BEARER_TOKEN_BEDROCK"],
  baseUrl: "https://bedrock-mantle.{region}.api.aws/v1",
  urlSettings: {
    region: {
      description: "AWS region",
      pattern: /^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/,
      env: ["AWS_REGION", "AWS_DEFAULT_REGION"],
      example: "us-east-1",
    },
  },
});
