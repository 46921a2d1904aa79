// The request to a provider's own API: what of the client's may go there, and where "there" ends.
import { dialects } from "../dialects/index.ts";
import { GatewayError } from "../ir/error.ts";
import { connectionHeaders, hopByHopHeaders } from "../lib/headers.ts";
import { presentedKey } from "../access/authenticate.ts";
import { resolveEndpoint } from "../providers/endpoint.ts";
import type { Endpoint } from "../providers/provider.ts";
import type { Candidate } from "../routing/candidate.ts";
import { vendor } from "./outbound.ts";
import type { Sendable } from "./send.ts";
import type { ThroughCall } from "./through.ts";

/** Request headers that are about the caller and this gateway, not about the provider. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...hopByHopHeaders,
  "host",
  "origin",
  "referer",
  "content-length",
  "content-encoding",
  "accept-encoding",
  "forwarded",
  "via",
  "true-client-ip",
  // The method that was judged here is the one that is meant.
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  // Two callers' may be the same, and the provider knows but one account.
  "idempotency-key",
  "openai-organization",
  "openai-project",
]);

const ownPrefixes =
  /^(?:x-megallm-|x-forwarded-|x-real-ip|x-client-ip|x-original-|sec-|proxy-|cf-)/;
/** Whatever the header is called by which a vendor takes a key. */
const secretNames =
  /authorization|cookie|password|secret|(?:^|-)(?:api|auth|access|subscription|security|session)-?(?:key|token)(?:$|-)|^(?:x-)?(?:key|token)$/;

/** Query parameters that hold a caller's key. */
const keyParameters: ReadonlySet<string> = new Set([
  "key",
  "api_key",
  "api-key",
  "apikey",
  "access_token",
  "token",
]);

/** @throws GatewayError `invalid_request`, `no_route` */
export function throughSendable(
  request: Request,
  call: ThroughCall,
  candidate: Candidate,
): Sendable {
  const { preset, headers: added } = candidate.provider;
  const endpoint = endpointOf(call, candidate);
  const dialect = dialects[endpoint.dialect];
  const url = urlOf(request, call, candidate, endpoint);
  const headers = new Headers({ ...preset.headers, ...endpoint.headers });
  for (const [name, value] of passedHeaders(request)) headers.set(name, value);
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  return {
    candidate,
    dialect,
    endpoint,
    origin: { dialect: dialect.id, provider: vendor(candidate), model: candidate.model },
    method: request.method,
    url,
    headers,
  };
}

/** The collection's own endpoint where the path does not name the provider, else the path as it stands. */
function endpointOf(call: ThroughCall, { provider }: Candidate): Endpoint {
  const { speaks } = provider.preset;
  if (call.provider === undefined) {
    const found = speaks[call.operation]?.find(({ dialect }) => dialect === call.dialect.id);
    if (found) return found;
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${provider.name}\` has no ${call.operation} of this API.`,
    );
  }
  const [first] = Object.values(speaks).flat();
  // A version in the path stands in place of the base URL's own.
  const aboveVersion = /^\/v\d+[a-z0-9]*\//.test(call.path);
  return { dialect: first?.dialect ?? "openai-chat", path: call.path, aboveVersion };
}

function urlOf(
  request: Request,
  call: ThroughCall,
  { provider }: Candidate,
  endpoint: Endpoint,
): URL {
  const url = resolveEndpoint(provider.preset, endpoint, {
    baseUrl: provider.customBaseUrl ? provider.baseUrl : undefined,
    settings: provider.settings,
  });
  if (call.provider === undefined) url.pathname += belowCollection(call.path);
  const secret = callersKey(request);
  for (const [name, value] of new URL(request.url).searchParams) {
    if (keyParameters.has(name.toLowerCase()) || value === secret) continue;
    if (name === "provider" && call.provider === undefined) continue;
    url.searchParams.append(name, value);
  }
  return url;
}

/** @example belowCollection("/files/file-1/content") // → "/file-1/content" */
const belowCollection = (path: string): string =>
  path
    .replace(/^\/messages(?=\/batches)/, "")
    .replace(/^\/[^/]+/, "")
    .replace(/\/$/, "");

/** What of the client's headers is for the provider: everything but the caller's own. */
function passedHeaders(request: Request): [string, string][] {
  const secret = callersKey(request);
  const nominated = connectionHeaders(request.headers);
  return [...request.headers].filter(
    ([name, value]) =>
      !ownHeaders.has(name) &&
      !nominated.has(name) &&
      !ownPrefixes.test(name) &&
      !secretNames.test(name) &&
      !(secret !== null && value.includes(secret)),
  );
}

/** Keys shorter than this are no secret, and would be found in anything. */
const minKey = 8;

/** Null where none is asked for and whatever was sent means nothing. */
function callersKey(request: Request): string | null {
  try {
    const key = presentedKey(request.headers, new URL(request.url).searchParams);
    return key !== null && key.length >= minKey ? key : null;
  } catch (error) {
    if (error instanceof GatewayError) return null;
    throw error;
  }
}

/** Nothing that a server behind could read as another path than the one that was judged here (fault S11). */
const plainSegment = /^(?!\.{1,2}$)[^/\\?#%;\p{Cc}]+$/u;

/** The path's segments, decoded. @throws GatewayError `invalid_request` for a path that could lead elsewhere */
export function segmentsOf(path: string): string[] {
  const segments = path.replace(/^\//, "").replace(/\/$/, "").split("/");
  return segments.map((segment) => {
    const decoded = decode(segment);
    if (decoded !== undefined && plainSegment.test(decoded)) return decoded;
    throw new GatewayError(
      "invalid_request",
      "The path holds something that could lead out of the provider's API.",
    );
  });
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
