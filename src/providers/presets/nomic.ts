// Nomic: a wire of its own, by pass-through.
import { defineCompatible } from "../compatible.ts";

export const nomic = defineCompatible({
  id: "nomic",
  label: "Nomic",
  docs: "https://docs.nomic.ai/reference/api/embed-text-v-1-embedding-text-post",
  env: ["NOMIC_API_KEY"],
  baseUrl: "https://api-atlas.nomic.ai/v1",
  openai: [],
  modelsUrl: null,
});
