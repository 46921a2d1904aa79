// Hugging Face Inference Providers.
import { defineCompatible } from "../compatible.ts";

export const huggingface = defineCompatible({
  id: "huggingface",
  label: "Hugging Face Inference Providers",
  docs: "https://huggingface.co/docs/inference-providers/tasks/chat-completion",
  env: ["HF_TOKEN", "HUGGINGFACE_API_KEY"],
  baseUrl: "https://router.huggingface.co/v1",
  responses: true,
});
