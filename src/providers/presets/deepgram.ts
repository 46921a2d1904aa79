// Deepgram: a wire of its own, by pass-through. https://developers.deepgram.com/guides/fundamentals/authenticating
import { authorizationScheme } from "../auth/scheme.ts";
import { defineCompatible } from "../compatible.ts";

export const deepgram = defineCompatible({
  id: "deepgram",
  label: "Deepgram",
  docs: "https://developers.deepgram.com/reference/deepgram-api-overview",
  env: ["DEEPGRAM_API_KEY"],
  baseUrl: "https://api.deepgram.com",
  openai: [],
  modelsUrl: null,
  authorize: authorizationScheme("Token"),
});
