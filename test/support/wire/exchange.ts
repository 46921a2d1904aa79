// Recorded exchanges: the project's own fixtures, and a larger corpus where it lies beside the checkout.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { DialectId } from "../../../src/ir/chat.ts";
import type { JsonObject } from "../../../src/lib/json.ts";

/** One line of a file of recordings. */
export interface Exchange {
  /** Name of the file it stands in. */
  file: string;
  id: string;
  stream: boolean;
  /** Null where only the answer was recorded. */
  request: { headers?: Record<string, string>; body: JsonObject } | null;
  /** `body` is a text for a stream, else a JSON value. */
  response: { status: number; headers?: Record<string, string>; body: unknown };
}

const corpus = "../shared/wire";
const own = "test/contract/fixtures/wire";

const endings: Readonly<Record<DialectId, string>> = {
  "openai-chat": "openai.chat.jsonl",
  "anthropic-messages": "anthropic.messages.jsonl",
};

/** False where the corpus is not there; says so once. */
export const hasCorpus = existsSync(corpus);
if (!hasCorpus) {
  console.log(`skipped: ${corpus} is not here; the project's own fixtures are tested alone`);
}

/** Every exchange recorded in a dialect, the project's own first. */
export const exchangesOf = (dialect: DialectId): Exchange[] => [
  ...readFolder(own, endings[dialect]),
  ...(hasCorpus ? readFolder(corpus, `.${endings[dialect]}.gz`) : []),
];

function readFolder(folder: string, ending: string): Exchange[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(ending));
  return files.toSorted().flatMap((file) => {
    const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
    const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
    const lines = text.trimEnd().split("\n");
    return lines.map((line): Exchange => Object.assign(JSON.parse(line), { file }));
  });
}

/** A streamed answer that began well: its body is the stream's text. */
export const isStream = ({ response }: Exchange): boolean =>
  response.status === 200 && typeof response.body === "string";
