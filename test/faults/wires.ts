// Three upstreams, one per API: how each is configured, what it says, and the strict double that judges what it is sent.
import type { Received } from "../support/scripted-upstream.ts";
import {
  anthropicAnswers,
  geminiAnswers,
  openAiAnswers,
  type WireAnswers,
} from "../support/wire-answers.ts";
import { startAnthropicUpstream } from "../support/upstream/anthropic.ts";
import { startGeminiUpstream } from "../support/upstream/gemini.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream, UpstreamOptions } from "../support/upstream/upstream.ts";

export type WireName = "OpenAI" | "Anthropic" | "Gemini";

export interface Wire {
  name: WireName;
  answers: WireAnswers;
  /** The provider's entry in a configuration. */
  provider(origin: string): Record<string, unknown>;
  /** Answers every sound request with the same words. */
  startStrict(): Promise<Upstream>;
  /** The operator's key that a request came with. */
  keyOf(request: Received): string | undefined;
}

/** What every sound answer says. */
export const words = "Hello there";
export const operatorKey = "operator-key";

const strict: UpstreamOptions = {
  key: operatorKey,
  models: ["m", "m-1", "m-2"],
  script: () => ({ kind: "text", text: words }),
};

export const wires: readonly Wire[] = [
  {
    name: "OpenAI",
    answers: openAiAnswers,
    provider: (origin) => ({ type: "openai-compatible", base_url: `${origin}/v1` }),
    startStrict: () => startOpenAiUpstream(strict),
    keyOf: ({ headers }) => headers["authorization"]?.replace("Bearer ", ""),
  },
  {
    name: "Anthropic",
    answers: anthropicAnswers,
    provider: (origin) => ({ type: "anthropic-compatible", base_url: `${origin}/v1` }),
    startStrict: () => startAnthropicUpstream(strict),
    keyOf: ({ headers }) => headers["x-api-key"],
  },
  {
    name: "Gemini",
    answers: geminiAnswers,
    provider: (origin) => ({ type: "gemini-compatible", base_url: `${origin}/v1beta` }),
    startStrict: () => startGeminiUpstream(strict),
    keyOf: ({ headers }) => headers["x-goog-api-key"],
  },
];

/** What the double says of a request that a scripted upstream was sent; undefined when it takes it. */
export async function refusalBy(
  double: Upstream,
  { method, target, headers, body }: Received,
): Promise<string | undefined> {
  const { host, connection, "content-length": length, ...sent } = headers;
  const answer = await fetch(double.url + target, { method, headers: sent, body });
  const text = await answer.text();
  return answer.ok ? undefined : `${host} ${connection} ${length}: ${answer.status} ${text}`;
}
