// Lambda.
import { defineCompatible } from "../compatible.ts";

export const lambda = defineCompatible({
  id: "lambda",
  label: "Lambda",
  docs: "https://docs.lambda.ai/public-cloud/lambda-inference-api/",
  env: ["LAMBDA_API_KEY"],
  baseUrl: "https://api.lambda.ai/v1",
  openai: ["chat", "completions"],
});
