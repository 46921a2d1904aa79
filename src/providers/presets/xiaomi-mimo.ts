// Xiaomi MiMo.
import { defineCompatible } from "../compatible.ts";

export const xiaomiMimo = defineCompatible({
  id: "xiaomi_mimo",
  label: "Xiaomi MiMo",
  docs: "https://platform.xiaomimimo.com/",
  env: ["XIAOMI_MIMO_API_KEY"],
  baseUrl: "https://api.xiaomimimo.com/v1",
  anthropic: { baseUrl: "https://api.xiaomimimo.com/anthropic" },
  quirks: { reasoningField: "reasoning_content", reasoningRequest: "thinking" },
});
