// A prompt cache: which starts of prompts were seen before.

export interface PromptCache {
  /** Tokens of the longest of these prefixes that is cached; 0 when none is. */
  read(prefixes: readonly Prefix[]): number;
  write(prefixes: readonly Prefix[]): void;
  /** The prefix is long enough to be kept. */
  keeps(prefix: Prefix): boolean;
  clear(): void;
}

/** A start of a prompt: its exact text, and its length in tokens. */
export interface Prefix {
  text: string;
  tokens: number;
}

/** Prefixes shorter than `leastTokens` are neither kept nor found. */
export function createPromptCache(leastTokens: number): PromptCache {
  const seen = new Set<string>();
  const key = (prefix: Prefix): string =>
    new Bun.CryptoHasher("sha256").update(prefix.text).digest("base64");
  return {
    read(prefixes) {
      let longest = 0;
      for (const prefix of prefixes) {
        if (prefix.tokens >= leastTokens && prefix.tokens > longest && seen.has(key(prefix))) {
          longest = prefix.tokens;
        }
      }
      return longest;
    },
    write(prefixes) {
      for (const prefix of prefixes) {
        if (prefix.tokens >= leastTokens) seen.add(key(prefix));
      }
    },
    keeps: (prefix) => prefix.tokens >= leastTokens,
    clear() {
      seen.clear();
    },
  };
}
