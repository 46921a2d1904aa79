// Azure OpenAI: the v1 API, which needs no `api-version`. Models are deployment names.
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { defineCompatible } from "../compatible.ts";

export const azure = defineCompatible({
  id: "azure",
  label: "Azure OpenAI",
  docs: "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle",
  env: ["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"],
  baseUrl: "https://{resource}.openai.azure.com/openai/v1",
  urlSettings: {
    resource: {
      description: "Name of the Azure OpenAI resource",
      pattern: /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/,
      env: ["AZURE_RESOURCE_NAME"],
      example: "my-resource",
    },
  },
  openai: ["chat", "embeddings"],
  authorize: apiKeyHeader("api-key"),
  quirks: { maxTokensField: "max_completion_tokens", refusesReasoning: true },
});
