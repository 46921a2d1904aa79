// Replicate: a wire of its own, by pass-through.
import { defineCompatible } from "../compatible.ts";

export const replicate = defineCompatible({
  id: "replicate",
  label: "Replicate",
  docs: "https://replicate.com/docs/reference/http",
  env: ["REPLICATE_API_TOKEN"],
  baseUrl: "https://api.replicate.com/v1",
  openai: [],
  modelsUrl: null,
});
