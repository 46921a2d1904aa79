// OpenCode Go, the subscription beside Zen.
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const opencodeGo = defineCompatible({
  id: "opencode_go",
  label: "OpenCode Go",
  docs: "https://opencode.ai/docs/go/",
  env: ["OPENCODE_GO_API_KEY"],
  baseUrl: "https://opencode.ai/zen/go/v1",
  openaiModels: /^(?!minimax-)/,
  anthropic: { models: /^minimax-/, authorize: anthropicKey },
  unverified: true,
});
