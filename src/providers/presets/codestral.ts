// Mistral Codestral: its own keys.
import { defineCompatible } from "../compatible.ts";
import { mistralQuirks } from "../mistral.ts";

export const codestral = defineCompatible({
  id: "codestral",
  label: "Mistral Codestral",
  docs: "https://docs.mistral.ai/capabilities/code_generation",
  env: ["CODESTRAL_API_KEY"],
  baseUrl: "https://codestral.mistral.ai/v1",
  quirks: mistralQuirks,
});
