// Meta Llama API.
import { defineCompatible } from "../compatible.ts";

export const metaLlama = defineCompatible({
  id: "meta_llama",
  label: "Meta Llama API",
  docs: "https://llama.developer.meta.com/docs/features/compatibility/",
  env: ["LLAMA_API_KEY"],
  baseUrl: "https://api.llama.com/compat/v1",
});
