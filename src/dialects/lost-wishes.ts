// Wishes of OpenAI's wires that smaller ones have no field for, told in OpenAI's spelling.
import type { ChatRequest } from "../ir/chat.ts";
import type { Losses } from "./losses.ts";
import { loseAccount } from "./openai-account.ts";

/** Those that ask for the default lose nothing. */
export function loseWishes(request: ChatRequest, reason: string, losses: Losses): void {
  const { settings, tools, user } = request;
  if ((settings.candidateCount ?? 1) !== 1) losses.lose("n", reason);
  if (settings.parallelToolCalls === false && tools.length > 0) {
    losses.lose("parallel_tool_calls", reason);
  }
  if (settings.verbosity !== undefined) losses.lose("verbosity", reason);
  if (user !== undefined) losses.lose("user", reason);
  loseAccount(request, reason, losses);
}
