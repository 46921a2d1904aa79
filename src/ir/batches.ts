// Embeddings and rerank requests that are too large for one call: split, and their answers merged in order.
import { mergeJson } from "./fold.ts";
import type { Ext } from "./chat.ts";
import type { EmbedRequest, EmbedResponse, RerankRequest, RerankResponse } from "./operations.ts";
import { createUsage, type Usage } from "./usage.ts";

/** Requests of at most `most` inputs each, in order; the request itself where it fits. @example splitEmbed(of(200), 96).length // → 3 */
export function splitEmbed(request: EmbedRequest, most: number): EmbedRequest[] {
  return chunks(request.inputs, most, request, (inputs) => ({ ...request, inputs }));
}

/** One answer for the answers to {@link splitEmbed}'s requests, given in their order. */
export function mergeEmbed(responses: readonly EmbedResponse[]): EmbedResponse {
  const [first, ...others] = responses;
  if (!first || others.length === 0) return first ?? { model: "", vectors: [] };
  return {
    ...first,
    vectors: responses.flatMap(({ vectors }) => vectors),
    ...merged(responses),
  };
}

/** Requests of at most `most` documents each, in order; the request itself where it fits. */
export function splitRerank(request: RerankRequest, most: number): RerankRequest[] {
  return chunks(request.documents, most, request, (documents) => ({
    ...request,
    documents,
    // The best of all are among the best of each.
    ...(request.topN === undefined ? {} : { topN: Math.min(request.topN, documents.length) }),
  }));
}

/**
 * One answer for the answers to {@link splitRerank}'s requests, given in their order: places are those of `request`,
 * the best come first, and no more than were asked for.
 */
export function mergeRerank(
  responses: readonly RerankResponse[],
  request: RerankRequest,
  most: number,
): RerankResponse {
  const [first, ...others] = responses;
  if (!first || others.length === 0) return first ?? { model: request.model, results: [] };
  const results = responses.flatMap((response, batch) =>
    response.results.map((result) => ({ ...result, index: result.index + batch * size(most) })),
  );
  return {
    ...first,
    results: results.toSorted((left, right) => right.score - left.score).slice(0, request.topN),
    ...merged(responses),
  };
}

const size = (most: number): number => Math.max(1, Math.trunc(most));

function chunks<Item, Request>(
  items: readonly Item[],
  most: number,
  whole: Request,
  requestFor: (items: Item[]) => Request,
): Request[] {
  const length = size(most);
  if (items.length <= length) return [whole];
  return Array.from({ length: Math.ceil(items.length / length) }, (_, index) =>
    requestFor(items.slice(index * length, (index + 1) * length)),
  );
}

function merged(responses: readonly { usage?: Usage; ext?: Ext }[]): { usage?: Usage; ext?: Ext } {
  const usages = responses.flatMap(({ usage }) => (usage ? [usage] : []));
  const exts = responses.flatMap(({ ext }) => (ext ? [ext] : []));
  return {
    ...(usages.length > 0 ? { usage: sumUsage(usages) } : {}),
    ...(exts.length > 0 ? { ext: exts.reduce((sum, ext) => mergeJson(sum, ext) as Ext) } : {}),
  };
}

/** What several requests used together; `raw` becomes the list of theirs. */
export function sumUsage(usages: readonly Usage[]): Usage {
  const sum = createUsage();
  for (const usage of usages) {
    for (const key of ["total", "cacheRead", "cacheWrite5m", "cacheWrite1h", "audio"] as const) {
      sum.input[key] += usage.input[key];
    }
    for (const key of ["total", "reasoning", "audio"] as const)
      sum.output[key] += usage.output[key];
    for (const [name, calls] of Object.entries(usage.serverTools)) {
      sum.serverTools[name] = (sum.serverTools[name] ?? 0) + calls;
    }
    if (usage.estimated) sum.estimated = true;
  }
  return { ...sum, raw: usages.map(({ raw }) => raw) };
}
