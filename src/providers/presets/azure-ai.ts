// Azure AI Foundry: the v1 API, which needs no `api-version`; Claude in its own wire. Models are deployment names.
import { azureAuth, azureSettings } from "../auth/azure.ts";
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
      env: ["AZURE_AI_RESOURCE_NAME", "ANTHROPIC_FOUNDRY_RESOURCE"],
      example: "my-resource",
    },
  },
  authSettings: azureSettings,
  keyless: true,
  openai: ["chat", "embeddings"],
  openaiModels: /^(?!claude)/,
  responses: { models: /^(?!claude)/ },
  anthropic: {
    baseUrl: "https://{resource}.services.ai.azure.com/anthropic",
    models: /^claude/,
    countTokens: true,
  },
  authorize: azureAuth,
  modelsUrl: null,
});
