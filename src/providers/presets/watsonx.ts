// IBM watsonx.ai: OpenAI's chat in another envelope: the stream is another path, the project part of the body.
import type { Envelope } from "../../dialects/envelope.ts";
import { ibmIamAuth, ibmSettings } from "../auth/ibm-iam.ts";
import type { Provider, UrlSetting } from "../provider.ts";

/** https://cloud.ibm.com/apidocs/watsonx-ai#text-chat */
const textChat: Envelope = {
  id: "watsonx-chat",
  omits: ["stream", "stream_options"],
  renames: { model: "model_id" },
  adds: { project_id: "{project_id}", space_id: "{space_id}" },
};

const id = (what: string, variable: string): UrlSetting => ({
  description: `Id of the ${what} that requests are charged to`,
  pattern: /^[0-9A-Za-z-]{1,64}$/,
  env: [variable],
  example: "11111111-2222-3333-4444-555555555555",
});

export const watsonx: Provider = {
  id: "watsonx",
  label: "IBM watsonx.ai",
  docs: "https://cloud.ibm.com/apidocs/watsonx-ai",
  env: ["WATSONX_APIKEY", "WATSONX_API_KEY"],
  baseUrl: "https://{region}.ml.cloud.ibm.com",
  urlSettings: {
    region: {
      description: "IBM Cloud region",
      pattern: /^[a-z]{2}-[a-z]+(?:-\d)?$/,
      env: ["WATSONX_REGION"],
      example: "us-south",
      default: "us-south",
    },
    version: {
      description: "Version of the API, a day",
      pattern: /^\d{4}-\d{2}-\d{2}$/,
      example: "2025-02-06",
      default: "2025-02-06",
    },
    project_id: id("project", "WATSONX_PROJECT_ID"),
    space_id: id("deployment space", "WATSONX_SPACE_ID"),
  },
  authSettings: ibmSettings,
  speaks: {
    chat: [
      {
        dialect: "openai-chat",
        path: "/ml/v1/text/chat?version={version}",
        streamPath: "/ml/v1/text/chat_stream?version={version}",
        envelope: textChat,
      },
    ],
  },
  authorize: ibmIamAuth,
  modelsUrl: "https://{region}.ml.cloud.ibm.com/ml/v1/foundation_model_specs?version={version}",
  quirks: { usageInStream: "always" },
};
