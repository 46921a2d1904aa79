// Mixedbread.
import { defineCompatible } from "../compatible.ts";

export const mixedbread = defineCompatible({
  id: "mixedbread",
  label: "Mixedbread",
  docs: "https://www.mixedbread.com/api-reference",
  env: ["MXBAI_API_KEY"],
  baseUrl: "https://api.mixedbread.com/v1",
  openai: ["embeddings"],
  modelsUrl: null,
});
