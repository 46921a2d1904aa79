// Google Cloud Vertex AI: Gemini and Claude in their own wires, all others by its OpenAI-compatible endpoint.
import { vertexCount, vertexRaw } from "../../dialects/anthropic-messages/envelopes.ts";
import { googleAuth, googleSettings, googleTraces } from "../auth/google.ts";
import type { Provider } from "../provider.ts";

const place = "/v1/projects/{project}/locations/{location}";
const google = `${place}/publishers/google/models/{model}`;
const anthropic = `${place}/publishers/anthropic/models`;

/** Other vendors' open models are named `vendor/model`. */
const openModels = /\//;
const googleModels = /^(?!claude)[^/]+$/;
/** Texts only, many at a time; the first of Gemini's embeds one at a time, later ones whatever they are shown. */
const textEmbedders = /^(?!claude|gemini-embedding)[^/]+$/;
const firstEmbedder = /^gemini-embedding-001$/;
const laterEmbedders = /^gemini-embedding-(?!001$)[^/]+$/;
const anthropicModels = /^claude[^/]*$/;

export const vertex: Provider = {
  id: "vertex",
  label: "Google Cloud Vertex AI",
  docs: "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
  env: [],
  baseUrl: "https://{location}-aiplatform.googleapis.com",
  otherBaseUrls: [
    { setting: "location", pattern: /^global$/, baseUrl: "https://aiplatform.googleapis.com" },
    {
      setting: "location",
      pattern: /^(?:us|eu)$/,
      baseUrl: "https://aiplatform.{location}.rep.googleapis.com",
    },
  ],
  urlSettings: {
    project: {
      description: "Google Cloud project; `-` is the one that the credentials name",
      pattern: /^(?:-|[a-z0-9](?:[a-z0-9.:-]{0,98}[a-z0-9])?)$/,
      env: ["GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID", "GCLOUD_PROJECT"],
      example: "my-project",
      default: "-",
    },
    location: {
      description: "Google Cloud location",
      pattern: /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
      env: ["GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION"],
      example: "europe-west4",
      default: "global",
    },
  },
  authSettings: googleSettings,
  keyless: true,
  traces: googleTraces,
  speaks: {
    chat: [
      {
        dialect: "gemini",
        path: `${google}:generateContent`,
        streamPath: `${google}:streamGenerateContent?alt=sse`,
        models: googleModels,
      },
      {
        dialect: "anthropic-messages",
        path: `${anthropic}/{model}:rawPredict`,
        streamPath: `${anthropic}/{model}:streamRawPredict`,
        envelope: vertexRaw,
        models: anthropicModels,
      },
      {
        dialect: "openai-chat",
        path: `${place}/endpoints/openapi/chat/completions`,
        models: openModels,
      },
    ],
    embeddings: [
      { dialect: "gemini", path: `${google}:predict`, form: "predict", models: textEmbedders },
      { dialect: "gemini", path: `${google}:predict`, form: "predict-one", models: firstEmbedder },
      {
        dialect: "gemini",
        path: `${google}:embedContent`,
        form: "embed-content",
        models: laterEmbedders,
      },
    ],
    "count-tokens": [
      { dialect: "gemini", path: `${google}:countTokens`, models: googleModels },
      {
        dialect: "anthropic-messages",
        path: `${anthropic}/count-tokens:rawPredict`,
        envelope: vertexCount,
        models: anthropicModels,
      },
    ],
  },
  authorize: googleAuth,
  modelsUrl: null,
  quirks: {},
};
