// ElevenLabs: a wire of its own, by pass-through. https://elevenlabs.io/docs/api-reference/authentication
import { apiKeyHeader } from "../auth/api-key-header.ts";
import { defineCompatible } from "../compatible.ts";

export const elevenlabs = defineCompatible({
  id: "elevenlabs",
  label: "ElevenLabs",
  docs: "https://elevenlabs.io/docs/api-reference/introduction",
  env: ["ELEVENLABS_API_KEY"],
  baseUrl: "https://api.elevenlabs.io",
  openai: [],
  modelsUrl: null,
  authorize: apiKeyHeader("xi-api-key"),
});
