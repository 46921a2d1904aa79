// A strict upstream double that speaks only the OpenAI API: chat, embeddings, completions, moderations, models.
import type { Upstream, UpstreamOptions } from "./upstream.ts";

export async function startOpenAiUpstream(_options: UpstreamOptions = {}): Promise<Upstream> {
  throw new Error("being written");
}
