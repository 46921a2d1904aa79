// ModelScope.
import { defineCompatible } from "../compatible.ts";

export const modelscope = defineCompatible({
  id: "modelscope",
  label: "ModelScope",
  docs: "https://modelscope.cn/docs/model-service/API-Inference/intro",
  env: ["MODELSCOPE_API_KEY"],
  baseUrl: "https://api-inference.modelscope.cn/v1",
  openai: ["chat", "embeddings"],
});
