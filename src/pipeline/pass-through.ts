// `/providers/{provider}/…`: what the gateway understands goes the usual way, to that provider alone; the rest goes through.
import { type Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { ResolvedProvider } from "../config/config.ts";
import { compilePath } from "../lib/path-template.ts";
import { handle } from "../pipeline.ts";
import { resolveEndpoint } from "../providers/endpoint.ts";
import type { Endpoint } from "../providers/provider.ts";
import type { Asked } from "./inbound.ts";
import { handleKept } from "./kept-answers.ts";
import type { Generation, Services } from "./services.ts";
import { handleThrough } from "./through.ts";

/** Answers a request to a provider by name; never rejects. `path`: what follows the name. */
export function passThrough(
  request: Request,
  { provider: name, path }: { provider: string; path: string },
  generation: Generation,
  services: Services,
): Promise<Response> {
  const provider = generation.config.providers.find((each) => each.name === name);
  const spoken = provider ? dialectsOf(provider) : [];
  const dialect = spoken[0] ?? dialects["openai-chat"];
  if (request.method === "POST" && provider) {
    const asked = knownOperation(provider, spoken, path);
    if (asked) return handle(request, { ...asked, provider: name }, generation, services);
  }
  const version = /^\/v\d+[a-z0-9]*(?=\/)/.exec(path)?.[0] ?? "";
  const plain = path.slice(version.length);
  const keeper = spoken.find(({ state }) => state);
  if (keeper && /^\/responses\/./.test(plain)) {
    const call = { dialect: keeper, path: plain, provider: name };
    return handleKept(request, call, generation, services);
  }
  const call = { dialect, operation: "pass-through" as Operation, path, provider: name };
  return handleThrough(request, call, generation, services);
}

const dialectsOf = ({ preset }: ResolvedProvider): Dialect[] =>
  [
    ...new Set(Object.values(preset.speaks).flatMap((all) => all.map(({ dialect }) => dialect))),
  ].map((id) => dialects[id]);

/** Operations whose requests are not read. */
const opaque: ReadonlySet<string> = new Set<Operation>(["files", "batches", "uploads", "realtime"]);

/** What a path asks for, where that is an operation the provider is known to have. */
function knownOperation(
  provider: ResolvedProvider,
  spoken: readonly Dialect[],
  path: string,
): Asked | undefined {
  return byRoute(provider, spoken, path) ?? byEndpoint(provider, path);
}

/** By the paths at which the dialects are served here. */
function byRoute(
  { preset }: ResolvedProvider,
  spoken: readonly Dialect[],
  path: string,
): Asked | undefined {
  for (const dialect of spoken) {
    for (const route of dialect.routes) {
      const { method, path: template, operation, ...said } = route;
      const isSpoken = preset.speaks[operation]?.some(
        (endpoint) =>
          endpoint.dialect === dialect.id && endpoint.envelope?.id === route.envelope?.id,
      );
      const names = isSpoken && method === "POST" ? compiled(template).match(path) : null;
      if (names) return { dialect, operation, ...said, ...modelOf(names) };
    }
  }
  return undefined;
}

const templates = new Map<string, ReturnType<typeof compilePath>>();

function compiled(template: string): ReturnType<typeof compilePath> {
  const known = templates.get(template) ?? compilePath(template);
  templates.set(template, known);
  return known;
}

const modelOf = ({ model }: Record<string, string>) => (model === undefined ? {} : { model });

/** Stands for the model in a URL that is made to compare others with. */
const anyModel = "megallm-any-model";

/** By the provider's own URLs. */
function byEndpoint(provider: ResolvedProvider, path: string): Asked | undefined {
  const [first] = Object.values(provider.preset.speaks).flat();
  const asked =
    first && urlOf(provider, { dialect: first.dialect, path, aboveVersion: isVersioned(path) });
  if (!asked) return undefined;
  for (const [operation, endpoints] of Object.entries(provider.preset.speaks)) {
    if (opaque.has(operation)) continue;
    for (const endpoint of endpoints) {
      for (const stream of [false, true]) {
        const url = urlOf(provider, endpoint, { model: anyModel, stream });
        const names = url && compilePath(url.replace(anyModel, "{model}")).match(asked);
        if (!names) continue;
        return {
          dialect: dialects[endpoint.dialect],
          operation: operation as Operation,
          ...(endpoint.envelope && { envelope: endpoint.envelope }),
          ...modelOf(names),
          ...(endpoint.streamPath !== undefined && { stream }),
        };
      }
    }
  }
  return undefined;
}

const isVersioned = (path: string): boolean => /^\/v\d+[a-z0-9]*\//.test(path);

/** Without its query; undefined where the provider's settings do not make one. */
function urlOf(
  { preset, baseUrl, customBaseUrl, settings }: ResolvedProvider,
  endpoint: Endpoint,
  more: { model?: string; stream?: boolean } = {},
): string | undefined {
  try {
    const options = { baseUrl: customBaseUrl ? baseUrl : undefined, settings, ...more };
    const { origin, pathname } = resolveEndpoint(preset, endpoint, options);
    return origin + pathname;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return undefined;
  }
}
