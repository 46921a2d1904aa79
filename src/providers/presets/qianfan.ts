// Baidu Qianfan.
import { defineCompatible } from "../compatible.ts";

export const qianfan = defineCompatible({
  id: "qianfan",
  label: "Baidu Qianfan",
  docs: "https://cloud.baidu.com/doc/qianfan-api/index.html",
  env: ["QIANFAN_API_KEY"],
  baseUrl: "https://qianfan.baidubce.com/v2",
  openai: ["chat", "embeddings", "images"],
});
