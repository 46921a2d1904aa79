// From a provider's operation to the URL that a request goes to.
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Endpoint, Provider } from "./provider.ts";

export interface EndpointOptions {
  /** The operator's `base_url`: replaces every base URL of the provider, so that nothing goes anywhere else. */
  baseUrl?: string;
  /** Values for `{placeholders}`. */
  settings?: Readonly<Record<string, string>>;
  /** For paths that hold it. */
  model?: string;
  /** The request wants a stream. */
  stream?: boolean;
}

/** The endpoints that serve `model` for an operation, best first. */
export const endpointsFor = (
  provider: Provider,
  operation: Operation,
  model: string,
): readonly Endpoint[] =>
  (provider.speaks[operation] ?? []).filter((endpoint) => endpoint.models?.test(model) ?? true);

/**
 * The URL of an endpoint. A base URL may end in a slash. For Anthropic's wire it may end in `/v1` or not;
 * for OpenAI's wire an operator's base URL without a path gets `/v1`, unless the provider's own has no version.
 * @throws GatewayError `no_route` when a base URL or a setting is missing or malformed.
 * @example resolveEndpoint(openai, chat, { baseUrl: "http://127.0.0.1:9000" }).href // → "http://127.0.0.1:9000/v1/chat/completions"
 */
export function resolveEndpoint(
  provider: Provider,
  endpoint: Endpoint,
  options: EndpointOptions = {},
): URL {
  const settings = options.settings ?? {};
  const own = endpoint.baseUrl ?? baseUrlOf(provider, settings) ?? inProcessUrl(provider);
  const base = options.baseUrl ?? own;
  if (base === undefined) throw refused(provider, "no address of its own: give its `base_url`");
  const url = parseBase(fill(base, provider, settings), provider);
  const template = (options.stream ? endpoint.streamPath : undefined) ?? endpoint.path;
  const [path = "", query] = fill(withModel(template, options.model), provider, settings).split(
    "?",
  );
  const isBare = options.baseUrl !== undefined && url.pathname === "/";
  const basePath = isBare && hasVersion(own) ? "/v1" : url.pathname;
  url.pathname = join(endpoint.aboveVersion ? withoutVersion(basePath) : basePath, path);
  if (query !== undefined) url.search = query;
  return url;
}

/**
 * Names may hold slashes and colons (`meta/llama`, ARNs): they are escaped, so that they stay one segment.
 * @throws GatewayError `model_not_found` for a name that would climb out of the path.
 */
function withModel(template: string, model: string | undefined): string {
  if (!template.includes("{model}")) return template;
  // Its slashes are escaped, but a server behind may read the path without.
  if (model === undefined || model === "" || /(?:^|[/\\])\.+(?:[/\\]|$)|\p{Cc}/u.test(model)) {
    throw new GatewayError("model_not_found", `\`${model ?? ""}\` is not the name of a model.`, {
      param: "model",
    });
  }
  return template.replace("{model}", () => encodeURIComponent(model));
}

/** The provider's own base URL, placeholders and all, where its settings have these values. */
export const baseUrlOf = (
  {
    baseUrl,
    otherBaseUrls,
    urlSettings,
  }: Pick<Provider, "baseUrl" | "otherBaseUrls" | "urlSettings">,
  settings: Readonly<Record<string, string>>,
): string | undefined =>
  otherBaseUrls?.find(({ setting, pattern }) =>
    pattern.test(settings[setting] ?? urlSettings?.[setting]?.default ?? ""),
  )?.baseUrl ?? baseUrl;

/** Whether the endpoint is there at all with these settings. */
export const isOffered = (
  { needs, without }: Endpoint,
  settings: Readonly<Record<string, string>>,
): boolean =>
  (needs === undefined || Object.hasOwn(settings, needs)) &&
  (without === undefined || !Object.hasOwn(settings, without));

/** Requests to a provider inside this process have a URL too; `.invalid` never resolves (RFC 2606). */
const inProcessUrl = (provider: Provider): string | undefined =>
  provider.serve && `http://${provider.id}.invalid/v1`;

/** A server whose address only the operator knows is taken to be like OpenAI's own. */
const hasVersion = (own: string | undefined): boolean =>
  own === undefined || /\/v\d[^/]*(?:\/|$)/.test(own);

/** @example withoutVersion("/api/v1/") // → "/api" */
const withoutVersion = (path: string): string => path.replace(/\/v\d[^/]*\/*$/, "");

/** What an endpoint's path begins with, up to its version, is not repeated where the base URL ends in it: `/v1`, `/openai/v1`. */
function join(basePath: string, path: string): string {
  const trimmed = basePath.replace(/\/+$/, "");
  // Without a version, the first of several segments: `/openai` of `/openai/deployments/…`.
  let start =
    /^(?:\/[\w.-]+)*?\/v\d+(?=\/)/.exec(path)?.[0] ?? /^\/[^/]+(?=\/[^/]+\/)/.exec(path)?.[0] ?? "";
  while (start !== "") {
    if (trimmed.endsWith(start)) return trimmed.slice(0, -start.length) + path;
    start = start.slice(0, start.lastIndexOf("/"));
  }
  return trimmed + path;
}

function parseBase(text: string, provider: Provider): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw refused(provider, "a base URL that does not begin with http:// or https://");
  }
  // `URL` forgets an empty query or fragment, so the text is asked.
  if (/[?#]/.test(text)) throw refused(provider, "a base URL with a query or a fragment");
  if (url.username !== "" || url.password !== "") {
    throw refused(provider, "a base URL with a user name or password");
  }
  return url;
}

/** Nothing that could end a segment or begin another part of the URL, whatever the setting's own pattern admits. */
const plainValue = /^(?!\.+$)[^/?#@%\\\s\p{Cc}]+$/u;

function fill(
  text: string,
  provider: Provider,
  settings: Readonly<Record<string, string>>,
): string {
  return text.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const setting = provider.urlSettings?.[name];
    const value = (Object.hasOwn(settings, name) ? settings[name] : undefined) ?? setting?.default;
    if (value === undefined) throw refused(provider, `no value for its setting \`${name}\``);
    if (!plainValue.test(value) || setting?.pattern.test(value) === false) {
      throw refused(provider, `a malformed value for its setting \`${name}\``);
    }
    return encodeURIComponent(value);
  });
}

const refused = (provider: Provider, what: string): GatewayError =>
  new GatewayError("no_route", `The provider \`${provider.id}\` has ${what}.`);
