// Databricks: models keep their makers' wires. https://docs.databricks.com/aws/en/machine-learning/model-serving/query-anthropic-messages
import { defineCompatible } from "../compatible.ts";

export const databricks = defineCompatible({
  id: "databricks",
  label: "Databricks",
  docs: "https://docs.databricks.com/aws/en/machine-learning/model-serving/score-foundation-models",
  env: ["DATABRICKS_TOKEN"],
  baseUrl: "https://{workspace}/serving-endpoints",
  urlSettings: {
    workspace: {
      description: "Host of the workspace",
      pattern: /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/,
      env: ["DATABRICKS_HOST"],
      example: "dbc-a1b2345c-d6e7.cloud.databricks.com",
    },
  },
  openai: ["chat", "embeddings", "completions"],
  responses: { models: /gpt/ },
  anthropic: { prefix: "/anthropic", models: /claude/ },
  gemini: { prefix: "/gemini/v1beta", models: /gemini/, operations: ["chat"] },
  modelsUrl: "https://{workspace}/api/2.0/serving-endpoints",
});
