// The tokenizer for counts where no provider says: OpenAI's `o200k_base`, loaded when first needed.
import { fileURLToPath } from "node:url";
import { createLogger, type Logger } from "../lib/log.ts";
import { bytesPerToken, createTokenizer, roughTokens, type Tokenizer } from "./tokenizer.ts";
import { openVocabulary, packVocabulary, type Vocabulary } from "./vocabulary.ts";

let loading: Promise<Tokenizer> | undefined;

/** Loaded on first use; never fails. */
export function loadTokenizer(): Promise<Tokenizer> {
  loading ??= tokenizerFrom(loadVocabulary, createLogger({ level: "warn" }));
  return loading;
}

/** Where the vocabulary cannot be had, that is logged, and a rule of thumb stands in. */
export async function tokenizerFrom(
  load: () => Promise<Vocabulary>,
  log: Pick<Logger, "warn">,
): Promise<Tokenizer> {
  try {
    return createTokenizer(await load());
  } catch (error) {
    log.warn("tokenizer.unavailable", { counts: "rough" }, error);
    return roughTokenizer;
  }
}

/** The executable carries the vocabulary packed; from source it is packed anew, in about 50 ms. */
async function loadVocabulary(): Promise<Vocabulary> {
  const embedded = Bun.embeddedFiles.find((file) => embeddedName.test(nameOf(file)));
  if (embedded) return openVocabulary(await embedded.bytes());
  return openVocabulary(await packVocabulary(await readVocabulary()));
}

/** `scripts/build.ts` gives the name, the bundler may add a hash. */
const embeddedName = /^o200k(?:-\w+)?\.bin$/;
const nameOf = (file: Blob): string => ("name" in file ? String(file.name) : "");

/** The vocabulary as OpenAI publishes it. */
export async function readVocabulary(): Promise<Uint8Array> {
  const url = import.meta.resolve("gpt-tokenizer/data/o200k_base.tiktoken");
  return Bun.file(fileURLToPath(url)).bytes();
}

const roughTokenizer: Tokenizer = {
  count: async (text) => roughTokens(text),
  async truncate(text, maxTokens) {
    const room = new Uint8Array(Math.min(maxTokens * bytesPerToken, text.length * 3));
    return text.slice(0, new TextEncoder().encodeInto(text, room).read);
  },
};
