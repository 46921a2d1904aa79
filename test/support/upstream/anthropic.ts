// A strict upstream double that speaks only the Anthropic API: messages, count_tokens, models.
import type { Upstream, UpstreamOptions } from "./upstream.ts";

export async function startAnthropicUpstream(_options: UpstreamOptions = {}): Promise<Upstream> {
  throw new Error("being written");
}
