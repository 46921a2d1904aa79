// `GET /v1/models` in the shape the client's family of SDKs reads.
import { type CatalogFacts, modelFacts } from "../catalog/facts.ts";
import { GatewayError } from "../ir/error.ts";
import type { ListedModel } from "../routing/listing.ts";

/** Families of SDKs that read three shapes from one path. */
export type Family = "openai-chat" | "anthropic-messages" | "gemini";

/** Anthropic's SDKs send `anthropic-version` on every call, Google's name themselves or their key; everybody else expects OpenAI's shape. */
export function familyOf(headers: Headers): Family {
  if (headers.has("anthropic-version")) return "anthropic-messages";
  return headers.has("x-goog-api-key") || headers.has("x-goog-api-client")
    ? "gemini"
    : "openai-chat";
}

/** The catalogue has no dates of its own, and two wires demand one. */
const created = 1_700_000_000;

const openAiModel = (model: ListedModel): Record<string, unknown> => ({
  id: model.id,
  object: "model",
  created,
  owned_by: model.owner,
});

const anthropicModel = (model: ListedModel): Record<string, unknown> => ({
  type: "model",
  id: model.id,
  display_name: model.id,
  created_at: new Date(created * 1000).toISOString(),
});

/** https://ai.google.dev/api/models */
async function geminiModel(model: ListedModel): Promise<Record<string, unknown>> {
  const facts = await factsOf(model);
  return {
    name: `models/${model.id}`,
    baseModelId: model.id,
    version: "001",
    displayName: model.id,
    description: `Served by ${model.owner}`,
    ...(facts.contextWindow !== undefined && { inputTokenLimit: facts.contextWindow }),
    ...(facts.maxOutputTokens !== undefined && { outputTokenLimit: facts.maxOutputTokens }),
    ...(facts.reasoning !== undefined && { thinking: facts.reasoning }),
    supportedGenerationMethods: ["generateContent", "countTokens", "embedContent"],
  };
}

export const factsOf = async ({ catalog }: ListedModel): Promise<CatalogFacts> =>
  catalog ? modelFacts(catalog.provider, catalog.model) : { source: "unknown" };

/** https://platform.openai.com/docs/api-reference/models/list, https://docs.anthropic.com/en/api/models-list, https://ai.google.dev/api/models */
export async function modelList(
  models: readonly ListedModel[],
  url: URL,
  family: Family,
): Promise<unknown> {
  return shapes[family].list(models, url);
}

interface Shape {
  list(models: readonly ListedModel[], url: URL): unknown;
  one(model: ListedModel): unknown;
}

const shapes: Readonly<Record<Family, Shape>> = {
  "openai-chat": {
    list: (models) => ({ object: "list", data: models.map(openAiModel) }),
    one: openAiModel,
  },
  "anthropic-messages": { list: anthropicList, one: anthropicModel },
  gemini: { list: geminiList, one: geminiModel },
};

function anthropicList(models: readonly ListedModel[], url: URL): unknown {
  const limit = pageSize(url.searchParams.get("limit") ?? "20", "limit");
  const after = url.searchParams.get("after_id");
  const before = url.searchParams.get("before_id");
  const from = after === null ? 0 : models.findIndex((model) => model.id === after) + 1;
  const until = before === null ? models.length : models.findIndex((model) => model.id === before);
  const range = models.slice(from, Math.max(until, 0));
  const page = before === null ? range.slice(0, limit) : range.slice(-limit);
  return {
    data: page.map(anthropicModel),
    has_more: page.length < range.length,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

/** The page's token is the place where it begins. */
async function geminiList(models: readonly ListedModel[], url: URL): Promise<unknown> {
  const size = pageSize(url.searchParams.get("pageSize") ?? "50", "pageSize");
  const token = url.searchParams.get("pageToken") ?? "0";
  if (!/^\d{1,9}$/.test(token)) {
    throw new GatewayError("invalid_request", "`pageToken` is not one that this list gave.", {
      param: "pageToken",
    });
  }
  const from = Number(token);
  const page = models.slice(from, from + size);
  const next = from + size < models.length ? { nextPageToken: String(from + size) } : {};
  return { models: await Promise.all(page.map(geminiModel)), ...next };
}

function pageSize(text: string, param: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > 1000) {
    throw new GatewayError(
      "invalid_request",
      `\`${param}\` must be a whole number from 1 to 1000.`,
      {
        param,
      },
    );
  }
  return size;
}

/** @throws GatewayError `model_not_found` */
export async function oneModel(
  models: readonly ListedModel[],
  id: string,
  family: Family,
): Promise<unknown> {
  return shapes[family].one(findListed(models, id));
}

/** @throws GatewayError `model_not_found` */
export function findListed(models: readonly ListedModel[], id: string): ListedModel {
  const model = models.find((candidate) => candidate.id === id);
  if (model) return model;
  throw new GatewayError(
    "model_not_found",
    `The model \`${id.slice(0, 100)}\` is not listed here.`,
    { param: "model" },
  );
}
