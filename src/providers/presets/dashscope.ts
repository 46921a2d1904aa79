// Alibaba Model Studio (Qwen): each wire has its own path. https://www.alibabacloud.com/help/en/model-studio/compatibility-with-openai-responses-api
import { anthropicKey, defineCompatible } from "../compatible.ts";

export const dashscope = defineCompatible({
  id: "dashscope",
  label: "Alibaba Model Studio (Qwen)",
  docs: "https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope",
  env: ["DASHSCOPE_API_KEY", "ALIBABA_API_KEY"],
  baseUrl: "https://{host}/compatible-mode/v1",
  urlSettings: {
    host: {
      description: "Host of the API: international, another region's, or a workspace's own",
      pattern:
        /^(?:dashscope(?:-intl|-us)?\.aliyuncs\.com|cn-hongkong\.dashscope\.aliyuncs\.com|[a-z0-9-]+\.[a-z0-9-]+\.maas\.aliyuncs\.com)$/,
      env: ["DASHSCOPE_HOST"],
      example: "dashscope.aliyuncs.com",
      default: "dashscope-intl.aliyuncs.com",
    },
  },
  openai: ["chat", "embeddings", "files", "batches"],
  responses: { baseUrl: "https://{host}/api/v2/apps/protocols/compatible-mode/v1" },
  anthropic: { baseUrl: "https://{host}/apps/anthropic", authorize: anthropicKey },
  quirks: {
    reasoningField: "reasoning_content",
    reasoningRequest: "enable_thinking",
    // https://www.alibabacloud.com/help/en/model-studio/partial-mode
    prefillField: "partial",
  },
});
