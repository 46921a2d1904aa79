// What the models of the Ollama double can and cannot do, as far as requests are judged by it.

export type OllamaCapability = "completion" | "tools" | "thinking" | "vision" | "embedding";

export interface OllamaModel {
  /** With its tag. */
  name: string;
  family: string;
  capabilities: readonly OllamaCapability[];
  /** `think` may be `low`, `medium` or `high`. */
  thinkLevels: boolean;
  dimensions: number;
  contextTokens: number;
}

const library: Readonly<Record<string, readonly OllamaCapability[]>> = {
  llama3: ["completion"],
  "llama3.1": ["completion", "tools"],
  "llama3.2": ["completion", "tools"],
  "llama3.3": ["completion", "tools"],
  "llama3.2-vision": ["completion", "vision"],
  "gemma3:1b": ["completion"],
  gemma3: ["completion", "vision"],
  mistral: ["completion", "tools"],
  "qwen2.5": ["completion", "tools"],
  qwen3: ["completion", "tools", "thinking"],
  "qwen3-vl": ["completion", "vision", "tools", "thinking"],
  "deepseek-r1": ["completion", "thinking"],
  "gpt-oss": ["completion", "tools", "thinking"],
  llava: ["completion", "vision"],
  "nomic-embed-text": ["embedding"],
  "all-minilm": ["embedding"],
};

/** What is known of a model; undefined when it was never pulled. A name without a tag means the latest. */
export function findOllamaModel(name: string): OllamaModel | undefined {
  const [base = "", tag = "latest"] = name.split(":");
  const known = Object.hasOwn(library, `${base}:${tag}`)
    ? library[`${base}:${tag}`]
    : Object.hasOwn(library, base)
      ? library[base]
      : undefined;
  return known && describe(base, tag, known);
}

/** A model that a test names itself; it can do everything. */
export function plainOllamaModel(name: string): OllamaModel {
  const [base = "", tag = "latest"] = name.split(":");
  const everything = ["completion", "tools", "thinking", "vision", "embedding"] as const;
  return { ...describe(base, tag, everything), thinkLevels: true };
}

const describe = (
  base: string,
  tag: string,
  capabilities: readonly OllamaCapability[],
): OllamaModel => ({
  name: `${base}:${tag}`,
  family: base.replace(/[.\d-].*$/, ""),
  capabilities,
  thinkLevels: base === "gpt-oss",
  dimensions: capabilities.includes("embedding") ? 384 : 4096,
  contextTokens: 131_072,
});

/** What `GET /api/tags` lists. */
export const ollamaModelNames: readonly string[] = Object.keys(library).map((name) =>
  name.includes(":") ? name : `${name}:latest`,
);
