// GitHub Models.
import { defineCompatible } from "../compatible.ts";

export const github = defineCompatible({
  id: "github",
  label: "GitHub Models",
  docs: "https://docs.github.com/en/rest/models/inference",
  env: ["GITHUB_TOKEN"],
  baseUrl: "https://models.github.ai/inference",
  openai: ["chat", "embeddings"],
  modelsUrl: "https://models.github.ai/catalog/models",
});
