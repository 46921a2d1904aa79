// Friendli.
import { defineCompatible } from "../compatible.ts";

export const friendli = defineCompatible({
  id: "friendli",
  label: "Friendli",
  docs: "https://friendli.ai/docs/openapi/serverless/chat-completions",
  env: ["FRIENDLI_TOKEN"],
  baseUrl: "https://api.friendli.ai/serverless/v1",
  openai: ["chat", "completions"],
});
