// The built-in `demo` provider: answers in-process, offline and without randomness, like a strict OpenAI-style server.
import { defineCompatible } from "./compatible.ts";
import type { Provider } from "./provider.ts";

export const demo: Provider = {
  ...defineCompatible({
    id: "demo",
    label: "Demo (built in)",
    docs: "https://platform.openai.com/docs/api-reference/chat",
    openai: ["chat", "embeddings", "completions", "moderations"],
    local: true,
  }),
  serve: () => Response.json({ object: "list", data: [] }),
};
