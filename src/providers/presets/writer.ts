// Writer: a wire of its own, by pass-through.
import { defineCompatible } from "../compatible.ts";

export const writer = defineCompatible({
  id: "writer",
  label: "Writer",
  docs: "https://dev.writer.com/api-reference/completion-api/chat-completion",
  env: ["WRITER_API_KEY"],
  baseUrl: "https://api.writer.com/v1",
  openai: [],
  modelsUrl: null,
});
