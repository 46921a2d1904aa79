// LM Studio, on this machine.
import { defineCompatible } from "../compatible.ts";

export const lmStudio = defineCompatible({
  id: "lm_studio",
  label: "LM Studio",
  docs: "https://lmstudio.ai/docs/developer/openai-compat",
  baseUrl: "http://127.0.0.1:1234/v1",
  openai: ["chat", "embeddings", "completions"],
  anthropic: {},
  local: true,
  responses: true,
});
