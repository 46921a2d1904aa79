// Reading a provider's own list of models, page by page.
import { GatewayError } from "../ir/error.ts";
import { JsonError, parse } from "../lib/json.ts";
import { parseRetryAfter } from "../lib/retry-after.ts";
import { resolveEndpoint, type EndpointOptions } from "./endpoint.ts";
import { type LiveModel, type ModelPage, parseModelPage } from "./model-list.ts";
import type { Credentials, Endpoint, Provider } from "./provider.ts";

/** A provider as it is configured, as far as its list of models needs it. */
export interface ModelSource {
  preset: Provider;
  /** The operator's `base_url`: nothing goes anywhere else. */
  baseUrl?: string;
  /** The operator's additions. */
  headers?: Readonly<Record<string, string>>;
  credentials: Credentials;
}

/** One GET, by way of the egress. Rejects with a GatewayError when there is no answer at all. */
export type FetchModels = (
  request: { url: URL; headers: Headers },
  signal: AbortSignal,
) => Promise<{ status: number; headers: Headers; text: string }>;

/** No provider has more; a server that never ends its list is cut off. */
const maxPages = 50;
const maxModels = 20_000;

/**
 * The models that the provider lists, each once, in its order.
 * @throws GatewayError `not_found` when it has no list, `upstream_*` when it does not give one.
 */
export async function readModels(
  source: ModelSource,
  ask: FetchModels,
  signal: AbortSignal,
): Promise<LiveModel[]> {
  const { preset, baseUrl, credentials } = source;
  const first = modelListUrl(preset, { baseUrl, settings: credentials.settings });
  if (!first) throw new GatewayError("not_found", `${preset.label} has no list of models.`);
  const models = new Map<string, LiveModel>();
  let url: URL | undefined = first;
  for (let pages = 0; url && pages < maxPages && models.size < maxModels; pages += 1) {
    const page = await readPage(url, source, ask, signal);
    const before = models.size;
    for (const model of page.models) if (!models.has(model.id)) models.set(model.id, model);
    // A server that repeats itself would go on for ever.
    url = page.next && models.size > before ? withQuery(first, page.next) : undefined;
  }
  return [...models.values()];
}

/**
 * Asks for the beginning of the list, to find out whether the provider is there.
 * @throws GatewayError as {@link readModels}
 */
export async function readFirstPage(
  source: ModelSource,
  ask: FetchModels,
  signal: AbortSignal,
): Promise<void> {
  const { preset, baseUrl, credentials } = source;
  const url = modelListUrl(preset, { baseUrl, settings: credentials.settings });
  if (!url) throw new GatewayError("not_found", `${preset.label} has no list of models.`);
  await readPage(url, source, ask, signal);
}

/**
 * Where the list is, or undefined when there is none.
 * @throws GatewayError `no_route` as {@link resolveEndpoint}
 * @example modelListUrl(openai)?.href // → "https://api.openai.com/v1/models"
 */
export function modelListUrl(preset: Provider, options: EndpointOptions = {}): URL | undefined {
  const { modelsUrl } = preset;
  const hasAddress = (options.baseUrl ?? preset.baseUrl) !== undefined;
  if (modelsUrl === null || preset.serve || !hasAddress) return undefined;
  const endpoint = { dialect: "openai-chat" } as const satisfies Partial<Endpoint>;
  if (modelsUrl === undefined)
    return resolveEndpoint(preset, { ...endpoint, path: "/models" }, options);
  const place = { ...endpoint, path: modelsUrl, aboveVersion: true };
  if (modelsUrl.startsWith("/")) return resolveEndpoint(preset, place, options);
  const [, origin = "", path = ""] = /^([a-z]+:\/\/[^/]+)(.*)$/.exec(modelsUrl) ?? [];
  const { baseUrl } = options;
  // An operator's own address stands for the vendor's other hosts too.
  const base = baseUrl === undefined ? origin : new URL(baseUrl).origin;
  return resolveEndpoint(
    { ...preset, baseUrl: base },
    { ...place, path },
    { ...options, baseUrl: undefined },
  );
}

function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const next = new URL(url);
  for (const [name, value] of Object.entries(query)) next.searchParams.set(name, value);
  return next;
}

async function readPage(
  url: URL,
  source: ModelSource,
  ask: FetchModels,
  signal: AbortSignal,
): Promise<ModelPage> {
  const { preset, credentials } = source;
  const headers = new Headers({ accept: "application/json", ...preset.headers, ...source.headers });
  await preset.authorize({ method: "GET", url, headers, body: "" }, credentials);
  const answer = await ask({ url, headers }, signal);
  if (answer.status !== 200) throw refusal(answer, preset);
  const page = parseModelPage(parseOrNothing(answer.text));
  if (page) return page;
  throw new GatewayError("upstream_invalid", `${preset.label} answered with no list of models.`, {
    upstream: { status: answer.status, body: answer.text.slice(0, 10_000) },
  });
}

function parseOrNothing(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return undefined;
  }
}

function refusal(
  { status, headers, text }: { status: number; headers: Headers; text: string },
  { label }: Provider,
): GatewayError {
  const code =
    status === 401 || status === 403
      ? "upstream_auth"
      : status === 429
        ? "upstream_rate_limited"
        : status >= 500
          ? "upstream_unavailable"
          : "upstream_invalid";
  return new GatewayError(code, `${label} answered ${status} when asked for its models.`, {
    retryAfterMs: parseRetryAfter(headers),
    upstream: { status, body: text.slice(0, 10_000) },
  });
}
