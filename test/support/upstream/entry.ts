// An entry of a double's bill, and an answer that is one JSON body.
import type { Exchange } from "./play.ts";
import type { BillEntry } from "./upstream.ts";

/** An entry that counts nothing but what is stated. */
export const createEntry = (
  known: Pick<BillEntry, "id" | "model"> & Partial<BillEntry>,
): BillEntry => ({
  requestId: "",
  path: "",
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  stream: false,
  complete: false,
  aborted: false,
  ...known,
});

/** One JSON body, as it stands or as a value. `errorBody` is what the vendor sends when it fails behind the status line. */
export function bodyExchange(
  body: unknown,
  errorBody: (type?: string, message?: string) => unknown,
  { entry, headers = {} }: { entry?: BillEntry; headers?: Record<string, string> } = {},
): Exchange {
  const generated = entry && {
    outputTokens: entry.outputTokens,
    reasoningTokens: entry.reasoningTokens,
  };
  return {
    stream: false,
    headers: { "content-type": "application/json", ...headers },
    frames: [{ text: typeof body === "string" ? body : JSON.stringify(body), generated }],
    terminalFrames: 1,
    entry,
    errorFrame: (type, message) => JSON.stringify(errorBody(type, message)),
  };
}
