// Snowflake Cortex: the Messages side serves Claude models only.
import { defineCompatible } from "../compatible.ts";

export const snowflake = defineCompatible({
  id: "snowflake",
  label: "Snowflake Cortex",
  docs: "https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api",
  env: ["SNOWFLAKE_TOKEN"],
  baseUrl: "https://{account}.snowflakecomputing.com/api/v2/cortex/v1",
  urlSettings: {
    account: {
      description: "Account identifier",
      pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*$/,
      env: ["SNOWFLAKE_ACCOUNT"],
      example: "myorg-account1",
    },
  },
  anthropic: { models: /^claude/ },
  modelsUrl: null,
  quirks: { maxTokensField: "max_completion_tokens" },
});
