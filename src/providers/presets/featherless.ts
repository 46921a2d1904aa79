// Featherless.
import { defineCompatible } from "../compatible.ts";

export const featherless = defineCompatible({
  id: "featherless",
  label: "Featherless",
  docs: "https://featherless.ai/docs/api-overview-and-common-options",
  env: ["FEATHERLESS_AI_API_KEY"],
  baseUrl: "https://api.featherless.ai/v1",
  openai: ["chat", "completions"],
});
