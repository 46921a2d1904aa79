// Azure OpenAI: the v1 API; with `api_version` the older one, whose paths name the deployment. Models are deployment names.
import { azureAuth, azureSettings } from "../auth/azure.ts";
import type { Endpoint, Provider } from "../provider.ts";

const v1 = (path: string): Endpoint => ({
  dialect: "openai-chat",
  path: `/openai/v1${path}`,
  without: "api_version",
});

const dated = (path: string): Endpoint => ({
  dialect: "openai-chat",
  path: `/openai/deployments/{model}${path}?api-version={api_version}`,
  needs: "api_version",
});

/** In the older API these paths name no deployment. */
const account = (path: string): Endpoint[] => [
  v1(path),
  { ...dated(path), path: `/openai${path}?api-version={api_version}` },
];

const both = (path: string): Endpoint[] => [v1(path), dated(path)];

export const azure: Provider = {
  id: "azure",
  label: "Azure OpenAI",
  docs: "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle",
  env: ["AZURE_API_KEY", "AZURE_OPENAI_API_KEY"],
  baseUrl: "https://{resource}.openai.azure.com",
  urlSettings: {
    resource: {
      description: "Name of the Azure OpenAI resource",
      pattern: /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/,
      env: ["AZURE_RESOURCE_NAME"],
      example: "my-resource",
    },
    api_version: {
      description: "Version of the older API, for resources and deployments that need it",
      pattern: /^\d{4}-\d{2}-\d{2}(?:-preview)?$/,
      example: "2024-10-21",
    },
  },
  authSettings: azureSettings,
  keyless: true,
  speaks: {
    chat: [
      ...both("/chat/completions"),
      { ...v1("/responses"), dialect: "openai-responses" },
      {
        dialect: "openai-responses",
        path: "/openai/responses?api-version={api_version}",
        needs: "api_version",
      },
    ],
    embeddings: both("/embeddings"),
    completions: both("/completions"),
    images: both("/images/generations"),
    "image-edits": both("/images/edits"),
    speech: both("/audio/speech"),
    transcriptions: both("/audio/transcriptions"),
    translations: both("/audio/translations"),
    files: account("/files"),
    batches: account("/batches"),
    realtime: [
      v1("/realtime"),
      {
        ...dated("/realtime"),
        path: "/openai/realtime?api-version={api_version}&deployment={model}",
      },
    ],
  },
  authorize: azureAuth,
  // The list is of the models one could deploy, not of the deployments that requests name.
  modelsUrl: null,
  quirks: {
    maxTokensField: "max_completion_tokens",
    refusesReasoning: true,
    refusesSdkFields: true,
    refusesEmptyTools: true,
  },
};
