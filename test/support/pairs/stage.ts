// The daemon between five SDK clients and two strict upstreams, and a witness of every exchange.
import Anthropic from "@anthropic-ai/sdk";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { expect } from "bun:test";
import OpenAI from "openai";
import { type Daemon, startDaemon } from "../daemon.ts";
import { startAnthropicUpstream } from "../upstream/anthropic.ts";
import { startOpenAiUpstream } from "../upstream/openai.ts";
import type { BillEntry, Recorded, Upstream } from "../upstream/upstream.ts";
import { type AiClient, createAiClient } from "./ai-client.ts";
import { createAnthropicClient } from "./anthropic-client.ts";
import type {
  Asking,
  ClientTraits,
  Counts,
  PairClient,
  Reply,
  UpstreamName,
} from "./conversation.ts";
import { createMatrix, type Matrix } from "./matrix.ts";
import { createOpenAiClient } from "./openai-client.ts";

export const upstreamNames = ["openai", "anthropic"] as const satisfies readonly UpstreamName[];

export interface Stage {
  daemon: Daemon;
  upstreams: Record<UpstreamName, Upstream>;
  openai: OpenAI;
  anthropic: Anthropic;
  clients: PairClient[];
  aiClients: AiClient[];
  /** Every request that an SDK sent to the gateway, in order. */
  exchanges: Exchange[];
  matrix: Matrix;
  stop(): Promise<void>;
}

/** One request of a client, and what became of it upstream. */
export interface Exchange {
  path: string;
  status: number;
  headers: Headers;
  /** `x-request-id` of the gateway: the row's key. */
  requestId: string;
  warnings: { field: string; reason: string; target: string }[];
  /** What the gateway sent upstream for it. */
  sent: Recorded[];
  /** What the upstream charged for it. */
  bills: BillEntry[];
}

const plain: ClientTraits = {
  dialect: "openai-chat",
  showReasoning: false,
  replayReasoning: false,
  budget: false,
  toolErrors: false,
  cacheHints: false,
  topK: false,
  openAiSampling: true,
};
const ofAnthropic: ClientTraits = {
  dialect: "anthropic-messages",
  showReasoning: true,
  replayReasoning: true,
  budget: true,
  toolErrors: true,
  cacheHints: true,
  topK: true,
  openAiSampling: false,
};

/** The clients: tests are declared before the stage stands. */
export const clientTraits = {
  openai: { ...plain, showReasoning: true, replayReasoning: true, cacheHints: true },
  "@anthropic-ai/sdk": ofAnthropic,
  "ai + openai.chat": plain,
  "ai + openai-compatible": { ...plain, showReasoning: true },
  "ai + anthropic": ofAnthropic,
} as const satisfies Record<string, ClientTraits>;

export type ClientName = keyof typeof clientTraits;

export const aiClientNames = [
  "ai + openai.chat",
  "ai + openai-compatible",
  "ai + anthropic",
] as const satisfies readonly ClientName[];

export async function openStage(): Promise<Stage> {
  // The AI SDK's own remarks about settings would fill the terminal.
  Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });
  const [openaiUpstream, anthropicUpstream] = await Promise.all([
    startOpenAiUpstream({ key: "key-of-openai" }),
    startAnthropicUpstream({ key: "key-of-anthropic" }),
  ]);
  const upstreams = { openai: openaiUpstream, anthropic: anthropicUpstream };
  const daemon = await startDaemon({
    config: [
      "discover: { models: false }",
      "retry: { retries: 0 }",
      "health: { enabled: false }",
      "providers:",
      `  openai: { base_url: "${openaiUpstream.baseUrl}", api_key: ${openaiUpstream.key} }`,
      `  anthropic: { base_url: "${anthropicUpstream.baseUrl}", api_key: ${anthropicUpstream.key} }`,
      "",
    ].join("\n"),
  });
  const exchanges: Exchange[] = [];
  const witness = witnessFetch(exchanges, Object.values(upstreams));
  const shared = { apiKey: "the-callers-own-key", fetch: witness };
  const openai = new OpenAI({ ...shared, baseURL: `${daemon.url}/v1`, maxRetries: 0 });
  const anthropic = new Anthropic({ ...shared, baseURL: daemon.url, maxRetries: 0 });
  const aiClients = createAiClients(`${daemon.url}/v1`, shared);
  return {
    daemon,
    upstreams,
    openai,
    anthropic,
    aiClients,
    clients: [
      createOpenAiClient("openai", clientTraits.openai, openai),
      createAnthropicClient("@anthropic-ai/sdk", ofAnthropic, anthropic),
      ...aiClients,
    ],
    exchanges,
    matrix: createMatrix(),
    async stop() {
      await Promise.all([daemon.dispose(), ...Object.values(upstreams).map((one) => one.stop())]);
    },
  };
}

function createAiClients(
  baseURL: string,
  shared: { apiKey: string; fetch: typeof fetch },
): AiClient[] {
  const openai = createOpenAI({ ...shared, baseURL });
  const compatible = createOpenAICompatible({
    ...shared,
    baseURL,
    name: "megallm",
    includeUsage: true,
    supportsStructuredOutputs: true,
    supportsMultiPartToolContent: true,
    // What this provider's users do for models that refuse the older name.
    transformRequestBody: ({ max_tokens: limit, ...body }) => ({
      ...body,
      [/^o\d/.test(String(body["model"])) ? "max_completion_tokens" : "max_tokens"]: limit,
    }),
    supportedUrls: () => ({ "image/*": [/^https:/], "application/pdf": [/^https:/] }),
  });
  const anthropic = createAnthropic({ ...shared, baseURL });
  const named = (name: (typeof aiClientNames)[number]) => ({ name, can: clientTraits[name] });
  return [
    createAiClient({
      ...named("ai + openai.chat"),
      model: (name) => openai.chat(name),
      generalReasoning: false,
      options: ({ reasoning, parallel, user }) => ({
        openai: {
          ...(reasoning && "effort" in reasoning
            ? { reasoningEffort: reasoning.effort, forceReasoning: true }
            : {}),
          ...(parallel === undefined ? {} : { parallelToolCalls: parallel }),
          ...(user === undefined ? {} : { user }),
        },
      }),
    }),
    createAiClient({
      ...named("ai + openai-compatible"),
      model: (name) => compatible.chatModel(name),
      generalReasoning: true,
      options: ({ parallel, user }) => ({
        megallm: {
          ...(parallel === undefined ? {} : { parallel_tool_calls: parallel }),
          ...(user === undefined ? {} : { user }),
        },
      }),
    }),
    createAiClient({
      ...named("ai + anthropic"),
      model: (name) => anthropic(name),
      generalReasoning: false,
      options: ({ reasoning, parallel, user }) => ({
        anthropic: {
          ...(reasoning && "budget" in reasoning
            ? { thinking: { type: "enabled", budgetTokens: reasoning.budget } }
            : {}),
          ...(reasoning && "effort" in reasoning
            ? {
                thinking: { type: "adaptive", display: "summarized" },
                effort: reasoning.effort,
              }
            : {}),
          ...(parallel === undefined ? {} : { disableParallelToolUse: !parallel }),
          ...(user === undefined ? {} : { metadata: { userId: user } }),
        },
      }),
    }),
  ];
}

/** Tests run one after another, so whatever reaches an upstream before the answer's head belongs to it. */
function witnessFetch(exchanges: Exchange[], upstreams: readonly Upstream[]): typeof fetch {
  const witness = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const before = upstreams.map(({ requests, bill }) => [requests.length, bill.entries.length]);
    const response = await fetch(input, init);
    const since = <T>(pick: (upstream: Upstream) => readonly T[], column: 0 | 1): T[] =>
      upstreams.flatMap((upstream, at) => pick(upstream).slice(before[at]?.[column] ?? 0));
    const warnings = response.headers.get("x-megallm-warnings");
    exchanges.push({
      path: new URL(response.url).pathname,
      status: response.status,
      headers: response.headers,
      requestId: response.headers.get("x-request-id") ?? "",
      warnings: warnings === null ? [] : JSON.parse(warnings),
      sent: since(({ requests }) => requests, 0),
      bills: since(({ bill }) => bill.entries, 1),
    });
    return response;
  };
  return Object.assign(witness, { preconnect: fetch.preconnect });
}

/** What `talk` brings back. */
export interface Talk {
  reply: Reply;
  exchange: Exchange;
  /** The body that the upstream got. */
  body: Record<string, unknown>;
  bill: BillEntry;
  /** Fields named in `x-megallm-warnings`. */
  lost: string[];
}

/** Asks once, and checks what holds for every sound answer: one request upstream, accepted, and told usage as billed. */
export async function talk(
  stage: Stage,
  client: PairClient,
  upstream: UpstreamName,
  asking: Asking,
  stream: boolean,
): Promise<Talk> {
  const before = stage.exchanges.length;
  const reply = await client.ask(asking, stream);
  const made = stage.exchanges.slice(before);
  expect(made).toHaveLength(1);
  const exchange = made[0]!;
  const found = await checkExchange(stage, exchange, upstream, stream);
  expectBilled(reply.usage, found.bill);
  return { reply, exchange, ...found, lost: exchange.warnings.map(({ field }) => field) };
}

/** A sound exchange with one upstream. */
export async function checkExchange(
  stage: Stage,
  exchange: Exchange,
  upstream: UpstreamName,
  stream: boolean,
): Promise<{ body: Record<string, unknown>; bill: BillEntry }> {
  expect(exchange.status).toBe(200);
  expect(exchange.headers.get("x-megallm-provider")).toBe(upstream);
  expect(exchange.headers.get("x-megallm-attempts")).toBe("1");
  expect(exchange.sent).toHaveLength(1);
  expect(exchange.bills).toHaveLength(1);
  const sent = exchange.sent[0]!;
  expect(stage.upstreams[upstream].requests).toContain(sent);
  expect(sent.refusal).toBeUndefined();
  const body = sent.parsed as Record<string, unknown>;
  expect(body["stream"] ?? false).toBe(stream);
  const bill = exchange.bills[0]!;
  expect(bill.complete).toBe(true);
  return { body, bill };
}

/** The client was told what the upstream charges. */
export function expectBilled(usage: Counts, bill: BillEntry): void {
  const billed: Counts = {
    input: bill.inputTokens,
    cacheRead: bill.cachedInputTokens,
    cacheWrite:
      usage.cacheWrite === null ? null : bill.cacheWrite5mTokens + bill.cacheWrite1hTokens,
    output: bill.outputTokens,
    reasoning: usage.reasoning === null ? null : bill.reasoningTokens,
  };
  expect(usage).toEqual(billed);
}
