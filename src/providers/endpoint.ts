// From a provider's endpoint to the URL that a request goes to.
import type { Endpoint, Provider } from "./provider.ts";

export interface EndpointOptions {
  /** The operator's `base_url`: replaces every base URL of the provider, so that nothing goes anywhere else. */
  baseUrl?: string;
  /** Values for `{placeholders}`. */
  settings?: Readonly<Record<string, string>>;
}

/** An endpoint that has no usable URL: the operator's configuration is at fault. */
export class EndpointError extends Error {
  override readonly name = "EndpointError";
}

/**
 * The URL of an endpoint. A base URL may end in a slash. For Anthropic's wire it may end in `/v1` or not;
 * for OpenAI's wire an operator's base URL without a path gets `/v1` where the provider has a version in its own.
 * @throws EndpointError when a base URL or a setting is missing or malformed.
 * @example resolveEndpoint(openai, chat, { baseUrl: "http://127.0.0.1:9000" }).href // → "http://127.0.0.1:9000/v1/chat/completions"
 */
export function resolveEndpoint(
  provider: Provider,
  endpoint: Endpoint,
  options: EndpointOptions = {},
): URL {
  const own = endpoint.baseUrl ?? provider.baseUrl ?? inProcessUrl(provider);
  const given = options.baseUrl ?? own;
  if (given === undefined) {
    throw new EndpointError(`\`${provider.id}\` has no address of its own: give its \`base_url\``);
  }
  const settings = options.settings ?? {};
  const base = parseBase(fill(given, provider, settings), provider.id);
  const basePath = base.pathname.replace(/\/+$/, "");
  const path = fill(endpoint.path, provider, settings);
  base.pathname = join(basePath, path, {
    addsVersion: options.baseUrl !== undefined && hasVersion(own),
  });
  return base;
}

/** Requests to a provider inside this process have a URL too; `.invalid` never resolves (RFC 2606). */
const inProcessUrl = (provider: Provider): string | undefined =>
  provider.serve && `http://${provider.id}.invalid/v1`;

/** A server whose address only the operator knows is taken to be like OpenAI's own. */
const hasVersion = (own: string | undefined): boolean =>
  own === undefined || /\/v\d[^/]*(?:\/|$)/.test(own);

/** An endpoint path may begin with the version that the base URL may end in. */
function join(basePath: string, path: string, { addsVersion }: { addsVersion: boolean }): string {
  const version = /^\/v\d+(?=\/)/.exec(path)?.[0];
  if (version !== undefined) {
    return (basePath.endsWith(version) ? basePath.slice(0, -version.length) : basePath) + path;
  }
  return (basePath === "" && addsVersion ? "/v1" : basePath) + path;
}

function parseBase(text: string, id: string): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new EndpointError(`the base URL of \`${id}\` must begin with http:// or https://`);
  }
  // `URL` drops an empty query or fragment, so the text is asked too.
  if (/[?#]/.test(text)) {
    throw new EndpointError(`the base URL of \`${id}\` must not have a query or a fragment`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new EndpointError(`the base URL of \`${id}\` must not hold a user name or password`);
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
    if (value === undefined) {
      throw new EndpointError(`\`${provider.id}\` needs the setting \`${name}\``);
    }
    if (!plainValue.test(value) || (setting && !setting.pattern.test(value))) {
      throw new EndpointError(`the setting \`${name}\` of \`${provider.id}\` is malformed`);
    }
    return encodeURIComponent(value);
  });
}
