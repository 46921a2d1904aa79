// fal: a wire of its own, by pass-through.
import { authorizationScheme } from "../auth/scheme.ts";
import { defineCompatible } from "../compatible.ts";

export const fal = defineCompatible({
  id: "fal",
  label: "fal",
  docs: "https://docs.fal.ai/model-apis/model-endpoints",
  env: ["FAL_API_KEY", "FAL_KEY"],
  baseUrl: "https://fal.run",
  openai: [],
  modelsUrl: null,
  authorize: authorizationScheme("Key"),
});
