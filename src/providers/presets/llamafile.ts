// llamafile, on this machine.
import { defineCompatible } from "../compatible.ts";

export const llamafile = defineCompatible({
  id: "llamafile",
  label: "llamafile",
  docs: "https://github.com/mozilla-ai/llamafile",
  baseUrl: "http://127.0.0.1:8080/v1",
  openai: ["chat", "embeddings", "completions"],
  local: true,
});
