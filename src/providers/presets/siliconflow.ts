// SiliconFlow.
import { defineCompatible } from "../compatible.ts";

export const siliconflow = defineCompatible({
  id: "siliconflow",
  label: "SiliconFlow",
  docs: "https://docs.siliconflow.cn/en/api-reference/chat-completions/chat-completions",
  env: ["SILICONFLOW_API_KEY"],
  baseUrl: "https://api.siliconflow.cn/v1",
  openai: ["chat", "embeddings"],
});
