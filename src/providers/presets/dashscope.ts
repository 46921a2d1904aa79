// Alibaba Model Studio (Qwen).
import { defineCompatible } from "../compatible.ts";

export const dashscope = defineCompatible({
  id: "dashscope",
  label: "Alibaba Model Studio (Qwen)",
  docs: "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
  env: ["DASHSCOPE_API_KEY", "ALIBABA_API_KEY"],
  baseUrl: "https://{host}/compatible-mode/v1",
  urlSettings: {
    host: {
      description: "Host of the API: international, or the one for accounts in China",
      pattern: /^(?:dashscope-intl\.aliyuncs\.com|dashscope\.aliyuncs\.com)$/,
      env: ["DASHSCOPE_HOST"],
      example: "dashscope.aliyuncs.com",
      default: "dashscope-intl.aliyuncs.com",
    },
  },
  openai: ["chat", "embeddings"],
  quirks: { reasoningField: "reasoning_content" },
});
