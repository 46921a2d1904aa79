// Recorded exchanges by file name: the project's own fixtures, and a larger corpus where it lies beside the checkout.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { JsonObject } from "../../src/lib/json.ts";

export interface Recorded {
  id: string;
  /** Name of its file, e.g. `ollama.ollama.chat`. */
  file: string;
  provider: string;
  stream: boolean;
  /** Null where only the answer was recorded. */
  request: { url: string; body?: JsonObject } | null;
  /** `body` is a text for a stream, else a JSON value. */
  response: { status: number; headers?: Record<string, string>; body: unknown };
  /** What was shortened. */
  trimmed?: { kind: string }[];
}

const corpus = "../shared/wire";

/** Exchanges of the files that begin with one of `names`: from `test/contract/fixtures/<folder>` and from the corpus. */
export function recordedIn(folder: string, names: readonly string[]): Recorded[] {
  const isWanted = (file: string): boolean =>
    names.some((name) => file.startsWith(`${name}.jsonl`));
  const own = read(`test/contract/fixtures/${folder}`, isWanted);
  if (existsSync(corpus)) return [...own, ...read(corpus, isWanted)];
  console.log(`skipped: ${corpus} is not here; the project's own fixtures are tested alone`);
  return own;
}

function read(folder: string, isWanted: (file: string) => boolean): Recorded[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(isWanted)
    .flatMap((file) => {
      const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
      const text = new TextDecoder().decode(file.endsWith(".gz") ? Bun.gunzipSync(bytes) : bytes);
      return text
        .trimEnd()
        .split("\n")
        .map((line): Recorded => ({ ...JSON.parse(line), file: file.replace(/\.jsonl.*/, "") }));
    });
}
