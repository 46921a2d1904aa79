// Two gateways over HTTP, one before each strict upstream, so that every client meets its own wire and the other one.
import type { Provider } from "../../../src/providers/provider.ts";
import { startAnthropicUpstream } from "../upstream/anthropic.ts";
import { startOpenAiUpstream } from "../upstream/openai.ts";
import type { Recorded, Upstream } from "../upstream/upstream.ts";

/** A gateway that was started for a test. */
export interface Served {
  /** Origin, without a trailing slash. */
  url: string;
  stop(): Promise<void>;
}

/** Starts a gateway with the settings of a configuration file; `presets` stand for the gateway's own where that is possible. */
export type Serve = (
  config: Record<string, unknown>,
  presets?: readonly Provider[],
) => Promise<Served>;

export const sides = ["anthropic", "openai"] as const;
/** What the upstream speaks. */
export type Side = (typeof sides)[number];

export interface Ground {
  gateways: Record<Side, Served>;
  upstreams: Record<Side, Upstream>;
  stop(): Promise<void>;
}

/** What the clients' model names stand for, so that both upstreams can answer all of them. */
const routes: Record<Side, Record<string, string>> = {
  anthropic: {
    "claude-opus-5-5": "anthropic/claude-opus-5-5",
    "claude-sonnet-4-5": "anthropic/claude-sonnet-4-5",
    "claude-haiku-5-5": "anthropic/claude-haiku-5-5",
    "gpt-4o": "anthropic/claude-opus-5-5",
    "gpt-5.1": "anthropic/claude-opus-5-5",
    "text-embedding-3-small": "anthropic/claude-opus-5-5",
    "my-model": "anthropic/claude-opus-4-8",
    "vendor/my-model": "anthropic/claude-opus-4-8",
  },
  openai: {
    "claude-opus-5-5": "openai/gpt-5.1",
    "claude-sonnet-4-5": "openai/gpt-5.1",
    "claude-haiku-5-5": "openai/gpt-5-mini",
    "gpt-4o": "openai/gpt-4o",
    "gpt-5.1": "openai/gpt-5.1",
    "text-embedding-3-small": "openai/text-embedding-3-small",
    "my-model": "openai/gpt-4o",
    "vendor/my-model": "openai/gpt-4o",
  },
};

export async function prepareGround(serve: Serve): Promise<Ground> {
  const [anthropic, openai] = await Promise.all([
    startAnthropicUpstream({ key: "operators-key-a" }),
    startOpenAiUpstream({ key: "operators-key-o" }),
  ]);
  const upstreams = { anthropic, openai };
  const gateway = (side: Side): Promise<Served> =>
    serve({
      providers: { [side]: { base_url: upstreams[side].baseUrl, api_key: upstreams[side].key } },
      models: routes[side],
    });
  const gateways = { anthropic: await gateway("anthropic"), openai: await gateway("openai") };
  return {
    gateways,
    upstreams,
    async stop() {
      await Promise.all(
        [...Object.values(gateways), ...Object.values(upstreams)].map((one) => one.stop()),
      );
    },
  };
}

/** What one request brought back, and what reached the upstream for it. */
export interface Brought {
  answer: Response;
  sent: Recorded[];
  warnings: { field: string; reason: string; target: string }[];
}

/** Sends a request to the gateway of one side; nothing else may be under way there. */
export async function bring(
  ground: Ground,
  side: Side,
  request: { path: string } & RequestInit,
): Promise<Brought> {
  const { path, ...init } = request;
  const { requests } = ground.upstreams[side];
  const before = requests.length;
  const answer = await fetch(ground.gateways[side].url + path, init);
  const warnings = answer.headers.get("x-megallm-warnings");
  return {
    answer,
    sent: requests.slice(before),
    warnings: warnings === null ? [] : (JSON.parse(warnings) as Brought["warnings"]),
  };
}
