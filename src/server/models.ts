// `GET /v1/models` in the shape the client's family of SDKs reads.
import { GatewayError } from "../ir/error.ts";
import type { ListedModel } from "../routing/router.ts";

/** The catalogue has no dates of its own, and both wires demand one. */
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

/** Anthropic's SDKs send `anthropic-version` on every call; everybody else expects OpenAI's shape. */
export const wantsAnthropic = (headers: Headers): boolean => headers.has("anthropic-version");

/** https://platform.openai.com/docs/api-reference/models/list and https://docs.anthropic.com/en/api/models-list */
export function modelList(models: readonly ListedModel[], url: URL, anthropic: boolean): unknown {
  if (!anthropic) return { object: "list", data: models.map(openAiModel) };
  const limit = pageSize(url.searchParams.get("limit"));
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

function pageSize(text: string | null): number {
  const size = Number(text ?? 20);
  if (!Number.isInteger(size) || size < 1 || size > 1000) {
    throw new GatewayError("invalid_request", "`limit` must be a whole number from 1 to 1000.", {
      param: "limit",
    });
  }
  return size;
}

/** @throws GatewayError `model_not_found` */
export function oneModel(models: readonly ListedModel[], id: string, anthropic: boolean): unknown {
  const model = models.find((candidate) => candidate.id === id);
  if (!model) {
    throw new GatewayError(
      "model_not_found",
      `The model \`${id.slice(0, 100)}\` is not listed here.`,
      {
        param: "model",
      },
    );
  }
  return anthropic ? anthropicModel(model) : openAiModel(model);
}
