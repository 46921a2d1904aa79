// GitHub Copilot: the key is an OAuth token of a Copilot subscriber.
import { defineCompatible } from "../compatible.ts";

export const githubCopilot = defineCompatible({
  id: "github_copilot",
  label: "GitHub Copilot",
  docs: "https://docs.github.com/en/copilot",
  env: ["COPILOT_GITHUB_TOKEN"],
  baseUrl: "https://api.githubcopilot.com",
  openai: ["chat", "embeddings"],
  responses: true,
  anthropic: { models: /^claude-/ },
  unverified: true,
});
