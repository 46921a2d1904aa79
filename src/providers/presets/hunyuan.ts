// Tencent Hunyuan.
import { defineCompatible } from "../compatible.ts";

export const hunyuan = defineCompatible({
  id: "hunyuan",
  label: "Tencent Hunyuan",
  docs: "https://cloud.tencent.com/document/product/1729",
  env: ["HUNYUAN_API_KEY"],
  baseUrl: "https://api.hunyuan.cloud.tencent.com/v1",
  openai: ["chat", "embeddings"],
});
