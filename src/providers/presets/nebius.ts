// Nebius Token Factory.
import { defineCompatible } from "../compatible.ts";

export const nebius = defineCompatible({
  id: "nebius",
  label: "Nebius Token Factory",
  docs: "https://docs.tokenfactory.nebius.com/api-reference/introduction",
  env: ["NEBIUS_API_KEY"],
  baseUrl: "https://api.tokenfactory.nebius.com/v1",
  openai: ["chat", "embeddings", "completions", "images"],
});
