// A gateway before four strict upstreams that want their signatures back, and a witness of what it answers.
import { configFromObject } from "../../../src/config/load.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { Endpoint, Provider } from "../../../src/providers/provider.ts";
import { providers } from "../../../src/providers/index.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { startInProcess } from "../in-process.ts";
import { startAnthropicUpstream } from "../upstream/anthropic.ts";
import { bedrockCredentials, startBedrockUpstream } from "../upstream/bedrock.ts";
import { isStandIn } from "../upstream/gemini-signature.ts";
import { startGeminiUpstream } from "../upstream/gemini.ts";
import { startResponsesUpstream } from "../upstream/responses.ts";
import { objects } from "../upstream/shape.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { createMessagesClient } from "./anthropic-client.ts";
import type { ClientDialect, TurnClient } from "./client.ts";
import { createGeminiClient } from "./gemini-client.ts";
import { createChatClient, createResponsesClient } from "./openai-clients.ts";

export const originNames = ["anthropic", "gemini", "responses", "bedrock"] as const;
/** An upstream, and the name of the model that clients ask for to get there. */
export type OriginName = (typeof originNames)[number];

interface OriginTraits {
  provider: string;
  dialect: Endpoint["dialect"];
  model: string;
  start(): Promise<Upstream>;
  settings?: Record<string, string>;
  /** Proofs of its own in a request's body. */
  proofs(body: JsonObject): number;
}

const demanding = { key: "operators-key", demandSignatures: true };
const { region, accessKeyId, secretAccessKey } = bedrockCredentials;

const count = (items: readonly JsonObject[], has: (item: JsonObject) => boolean): number =>
  items.filter(has).length;
const inside = (body: JsonObject, list: string, members: string): JsonObject[] =>
  objects(body[list]).flatMap((item) => objects(item[members]));

export const origins: Readonly<Record<OriginName, OriginTraits>> = {
  anthropic: {
    provider: "anthropic",
    dialect: "anthropic-messages",
    model: "claude-sonnet-4-5",
    start: () => startAnthropicUpstream(demanding),
    proofs: (body) =>
      count(inside(body, "messages", "content"), (block) => block["type"] === "thinking"),
  },
  gemini: {
    provider: "gemini",
    dialect: "gemini",
    model: "gemini-3-flash-preview",
    start: () => startGeminiUpstream(demanding),
    proofs: (body) =>
      count(
        inside(body, "contents", "parts"),
        ({ thoughtSignature: signature }) => typeof signature === "string" && !isStandIn(signature),
      ),
  },
  responses: {
    provider: "openai",
    dialect: "openai-responses",
    model: "gpt-5",
    start: () => startResponsesUpstream(demanding),
    proofs: (body) =>
      count(objects(body["input"]), (item) => typeof item["encrypted_content"] === "string"),
  },
  bedrock: {
    provider: "bedrock",
    dialect: "bedrock-converse",
    model: "anthropic.claude-sonnet-4-5-20250929-v1:0",
    start: () => startBedrockUpstream({ ...demanding, unknownMembers: "refuse" }),
    settings: { region, access_key_id: accessKeyId, secret_access_key: secretAccessKey },
    proofs: (body) =>
      count(inside(body, "messages", "content"), (block) => isObject(block["reasoningContent"])),
  },
};

export const keys = {
  one: "key-of-the-first-tenant-0123456789",
  two: "key-of-the-second-tenant-012345678",
};

/** What one request of a client came to. */
export interface Exchange {
  status: number;
  /** How often an upstream was asked. */
  attempts: number;
  warnings: { field: string; reason: string; target: string }[];
}

export interface TurnStage {
  upstreams: Record<OriginName, Upstream>;
  exchanges: Exchange[];
  clients(key: string): Record<ClientDialect, TurnClient>;
  /** Ends this gateway and starts another on the same store. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Each provider of the test speaks one dialect alone. */
const presets: readonly Provider[] = providers.map((preset) => {
  const origin = Object.values(origins).find(({ provider }) => provider === preset.id);
  const chat = origin && preset.speaks.chat?.filter(({ dialect }) => dialect === origin.dialect);
  return chat ? { ...preset, speaks: { ...preset.speaks, chat } } : preset;
});

export async function openTurnStage(path = ":memory:"): Promise<TurnStage> {
  const started = await Promise.all(
    originNames.map(async (name) => [name, await origins[name].start()] as const),
  );
  const upstreams = Object.fromEntries(started) as Record<OriginName, Upstream>;
  const config = {
    keys,
    providers: Object.fromEntries(
      originNames.map((name) => {
        const { baseUrl, key } = upstreams[name];
        const { provider, settings } = origins[name];
        return [provider, { base_url: baseUrl, ...(settings ?? { api_key: key }) }];
      }),
    ),
    models: Object.fromEntries(
      originNames.map((name) => [name, `${origins[name].provider}/${origins[name].model}`]),
    ),
  };
  const exchanges: Exchange[] = [];
  const log = createLogger({ level: "error", write: () => undefined });
  const start = async (store: Store) => {
    const source = () => configFromObject(config, { env: {}, presets });
    const running = await startInProcess(config, { source, store });
    const { urls } = await running.listen({
      async fetch(request) {
        const answer = await running.gateway.fetch(request);
        exchanges.push({
          status: answer.status,
          attempts: Number(answer.headers.get("x-megallm-attempts")),
          warnings: JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]"),
        });
        return answer;
      },
    });
    return { ...running, url: urls[0] ?? "" };
  };
  let running = await start(await openStore({ path, log }));
  return {
    upstreams,
    exchanges,
    clients: (key) => ({
      "openai-chat": createChatClient(running.url, key),
      "openai-responses": createResponsesClient(running.url, key),
      "anthropic-messages": createMessagesClient(running.url, key),
      gemini: createGeminiClient(running.url, key),
    }),
    async restart() {
      await running.idle();
      await running.close();
      running = await start(await openStore({ path, log }));
    },
    async stop() {
      await running.close();
      await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()));
    },
  };
}
