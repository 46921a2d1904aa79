// AssemblyAI: the LLM Gateway; the key stands alone in the header. Transcripts have a wire of their own.
import { authorizationScheme } from "../auth/scheme.ts";
import { defineCompatible } from "../compatible.ts";

export const assemblyai = defineCompatible({
  id: "assemblyai",
  label: "AssemblyAI",
  docs: "https://www.assemblyai.com/docs/llm-gateway/chat-completions",
  env: ["ASSEMBLYAI_API_KEY"],
  baseUrl: "https://llm-gateway.assemblyai.com/v1",
  authorize: authorizationScheme(),
});
