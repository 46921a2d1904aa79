// Where agents are tested: the executable, with a strict upstream of every vendor behind it.
import { type Daemon, startDaemon } from "../daemon.ts";
import { startAnthropicUpstream } from "../upstream/anthropic.ts";
import { startBedrockUpstream } from "../upstream/bedrock.ts";
import { startGeminiUpstream } from "../upstream/gemini.ts";
import { startOpenAiUpstream } from "../upstream/openai.ts";
import { startResponsesUpstream } from "../upstream/responses.ts";
import type { Upstream, UpstreamOptions } from "../upstream/upstream.ts";

export interface Vendor {
  name: string;
  /** Its provider in the configuration, and that provider's preset. */
  id: string;
  type: string;
  model: string;
  start(options: UpstreamOptions): Promise<Upstream>;
  settings?: Record<string, string>;
}

export const vendors: readonly Vendor[] = [
  {
    name: "OpenAI chat",
    id: "chat",
    type: "openai-compatible",
    model: "gpt-4o",
    start: startOpenAiUpstream,
  },
  {
    name: "OpenAI Responses",
    id: "responses",
    type: "responses-compatible",
    model: "gpt-5.1",
    start: startResponsesUpstream,
  },
  {
    name: "Anthropic",
    id: "anthropic",
    type: "anthropic",
    model: "claude-opus-4-8",
    start: startAnthropicUpstream,
  },
  {
    name: "Gemini",
    id: "gemini",
    type: "gemini",
    model: "gemini-3-pro-preview",
    start: startGeminiUpstream,
  },
  {
    name: "Bedrock",
    id: "bedrock",
    type: "bedrock",
    model: "amazon.nova-2-lite-v1:0",
    start: startBedrockUpstream,
    settings: { region: "us-east-1" },
  },
];

export const gatewayKey = "a-key-of-the-gateway-0123456789";

/** A row of the ledger, as the admin API shows it. */
export interface Row {
  status: string;
  httpStatus: number;
  key: string | null;
  model: string | null;
}

export interface Ground {
  daemon: Daemon;
  upstreamOf(vendor: Vendor): Upstream;
  /**
   * Rows written since the last look, oldest first. Not those without a model: in Bedrock's mode, Claude Code
   * tries all of Anthropic's models by name.
   */
  newRows(): Promise<Row[]>;
  /** Forgets what one test did. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export async function openGround(more: Record<string, unknown> = {}): Promise<Ground> {
  const upstreams = new Map<Vendor, Upstream>();
  const providers: Record<string, unknown> = { demo: {} };
  for (const vendor of vendors) {
    const { id, type, start, settings } = vendor;
    const key = `key-of-${id}-0123456789`;
    const upstream = await start({ key, demandSignatures: true });
    upstreams.set(vendor, upstream);
    providers[id] = { type, base_url: upstream.baseUrl, api_key: key, ...settings };
  }
  // JSON is YAML too.
  const daemon = await startDaemon({
    // What an upstream says reaches the agent at once: how it takes it is what is looked at.
    config: JSON.stringify({
      keys: { agent: gatewayKey },
      providers,
      retry: { retries: 0 },
      health: { enabled: false },
      discover: { models: false },
      ...more,
    }),
    args: ["--log-level", "debug"],
  });
  let seen = 0;
  const newRows = async (): Promise<Row[]> => {
    await Bun.sleep(100);
    const answer = await fetch(`${daemon.url}/admin/requests?limit=500`, {
      headers: { authorization: `Bearer ${daemon.adminKey}` },
    });
    const { rows } = (await answer.json()) as { rows: Row[] };
    const fresh = rows.slice(0, rows.length - seen).toReversed();
    seen = rows.length;
    return fresh.filter(({ model }) => model !== null);
  };
  return {
    daemon,
    newRows,
    upstreamOf(vendor) {
      const upstream = upstreams.get(vendor);
      if (!upstream) throw new Error(`no upstream of ${vendor.name}`);
      return upstream;
    },
    async reset() {
      await newRows();
      for (const upstream of upstreams.values()) upstream.reset();
    },
    async stop() {
      await Promise.all([daemon.dispose(), ...[...upstreams.values()].map((one) => one.stop())]);
    },
  };
}

/** Why an upstream refused what it was asked. */
export const refusals = ({ requests }: Upstream): unknown[] =>
  requests.flatMap(({ refusal }) => (refusal ? [refusal] : []));
