// OpenCode Zen: each model is served in its maker's own wire.
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const opencodeZen = defineCompatible({
  id: "opencode_zen",
  label: "OpenCode Zen",
  docs: "https://opencode.ai/docs/zen/",
  env: ["OPENCODE_API_KEY"],
  baseUrl: "https://opencode.ai/zen/v1",
  openaiModels: /^(?!claude-)/,
  anthropic: { models: /^claude-/, authorize: anthropicKey },
});
