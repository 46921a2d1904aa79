// CometAPI.
import { defineCompatible } from "../compatible.ts";

export const cometapi = defineCompatible({
  id: "cometapi",
  label: "CometAPI",
  docs: "https://api.cometapi.com/doc",
  env: ["COMETAPI_API_KEY", "COMETAPI_KEY"],
  baseUrl: "https://api.cometapi.com/v1",
  openai: ["chat", "embeddings", "images", "speech", "transcriptions"],
  unverified: true,
  responses: true,
  anthropic: {},
});
