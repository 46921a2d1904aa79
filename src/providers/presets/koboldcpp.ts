// KoboldCpp, on this machine.
import { defineCompatible } from "../compatible.ts";

export const koboldcpp = defineCompatible({
  id: "koboldcpp",
  label: "KoboldCpp",
  docs: "https://github.com/LostRuins/koboldcpp/wiki",
  baseUrl: "http://127.0.0.1:5001/v1",
  openai: ["chat", "embeddings", "completions", "speech", "transcriptions"],
  local: true,
});
