// How many tokens a text or a request has, when no provider says.
import type { ChatRequest } from "../ir/chat.ts";

export async function estimateTokens(text: string): Promise<number> {
  return Math.ceil(text.length / 4);
}

export async function estimateRequestTokens(request: ChatRequest): Promise<number> {
  return estimateTokens(JSON.stringify(request.messages));
}
