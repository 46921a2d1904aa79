// Upstage.
import { defineCompatible } from "../compatible.ts";

export const upstage = defineCompatible({
  id: "upstage",
  label: "Upstage",
  docs: "https://console.upstage.ai/api/docs/chat",
  env: ["UPSTAGE_API_KEY"],
  baseUrl: "https://api.upstage.ai/v1",
  openai: ["chat", "embeddings"],
});
