// Azure AI Foundry: the v1 API, which needs no `api-version`. Models are deployment names.
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { defineCompatible } from "../compatible.ts";

export const azureAi = defineCompatible({
  id: "azure_ai",
  label: "Azure AI Foundry",
  docs: "https://learn.microsoft.com/en-us/azure/ai-foundry/foundry-models/concepts/endpoints",
  env: ["AZURE_AI_API_KEY"],
  baseUrl: "https://{resource}.services.ai.azure.com/openai/v1",
  urlSettings: {
    resource: {
      description: "Name of the Azure AI Foundry resource",
      pattern: /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/,
      env: ["AZURE_AI_RESOURCE_NAME"],
      example: "my-resource",
    },
  },
  openai: ["chat", "embeddings"],
  authorize: apiKeyHeader("api-key"),
  unverified: true,
});
