// Any server that speaks Anthropic's Messages wire: the operator gives its address.
import { anthropicKey, anthropicVersion, defineCompatible } from "../compatible.ts";

export const anthropicCompatible = defineCompatible({
  id: "anthropic-compatible",
  label: "Anthropic-compatible server",
  docs: "https://platform.claude.com/docs/en/api/messages",
  openai: [],
  anthropic: { countTokens: true, authorize: anthropicKey },
  authorize: anthropicKey,
  headers: anthropicVersion,
});
