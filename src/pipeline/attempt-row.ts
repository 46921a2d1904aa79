// How an attempt, and what it used, stand in the ledger.
import type { GatewayError } from "../ir/error.ts";
import type { Usage } from "../ir/usage.ts";
import type { AttemptRow, TokenCounts } from "../store/store.ts";

/** One that is not over when the request is was stopped, though it may not know yet. */
export function endOf(
  error: GatewayError | null,
  isOver: boolean,
): Pick<AttemptRow, "status" | "httpStatus" | "errorCode"> {
  if (!error && isOver) return { status: "ok", httpStatus: 200, errorCode: null };
  const errorCode = error?.code ?? "client_closed";
  return {
    status: errorCode === "client_closed" ? "client_closed" : "error",
    httpStatus: error?.upstream?.status ?? null,
    errorCode,
  };
}

export const tokensOf = ({ input, output }: Usage): TokenCounts => ({
  inputTokens: input.total,
  cacheReadTokens: input.cacheRead,
  cacheWrite5mTokens: input.cacheWrite5m,
  cacheWrite1hTokens: input.cacheWrite1h,
  inputAudioTokens: input.audio,
  outputTokens: output.total,
  reasoningTokens: output.reasoning,
  outputAudioTokens: output.audio,
});
