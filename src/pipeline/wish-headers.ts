// Wishes that stand in a request's headers: the gateway's own, and LiteLLM's.
import type { Patience } from "../routing/candidate.ts";
import { isPolicyName, policies, type PolicyName } from "../routing/policies/index.ts";
import { dayMs, namesIn, refused, retriesIn, secondsIn } from "./wish-values.ts";

interface LimitHeader {
  name: string;
  limit: "all" | "first-token" | "idle";
  unitMs: 1 | 1000;
}

/** Ours first, then LiteLLM's: https://docs.litellm.ai/docs/proxy/request_headers */
const limitHeaders = [
  { name: "x-megallm-timeout-ms", limit: "all", unitMs: 1 },
  { name: "x-litellm-timeout", limit: "all", unitMs: 1000 },
  { name: "x-megallm-first-token-timeout-ms", limit: "first-token", unitMs: 1 },
  { name: "x-litellm-stream-timeout", limit: "first-token", unitMs: 1000 },
  { name: "x-megallm-idle-timeout-ms", limit: "idle", unitMs: 1 },
] as const satisfies readonly LimitHeader[];

/** Ours first, then LiteLLM's. */
const retryHeaders = ["x-megallm-retries", "x-litellm-num-retries"] as const;

/** All of them. */
export const headerNames = [
  "x-megallm-policy",
  "x-megallm-fallbacks",
  "x-megallm-tags",
  "x-litellm-tags",
  "x-megallm-region",
  ...retryHeaders,
  ...limitHeaders.map(({ name }) => name),
] as const;

/** @throws GatewayError `invalid_request` */
export function policyIn(headers: Headers): PolicyName | undefined {
  const name = headers.get("x-megallm-policy")?.trim();
  if (name === undefined || isPolicyName(name)) return name;
  throw refused("x-megallm-policy", `must be one of: ${Object.keys(policies).join(", ")}`);
}

/** The first of the headers for this limit, ms. @throws GatewayError `invalid_request` */
export function limitIn(headers: Headers, limit: LimitHeader["limit"]): number | undefined {
  for (const { name, limit: own, unitMs } of limitHeaders) {
    const text = own === limit ? headers.get(name)?.trim() : undefined;
    if (text === undefined) continue;
    const isNumber = (unitMs === 1 ? /^\d{1,9}$/ : /^\d{1,6}(?:\.\d{1,6})?$/).test(text);
    const ms = isNumber ? Math.ceil(Number(text) * unitMs) : 0;
    if (ms >= 1 && ms <= dayMs) return ms;
    const what =
      unitMs === 1 ? `a whole number of milliseconds, 1 to ${dayMs}` : "seconds, a day at most";
    throw refused(name, `must be ${what}`);
  }
  return undefined;
}

/** LiteLLM's `stream_timeout`: until the first piece of a stream. */
export function patienceIn(headers: Headers, streamTimeout: unknown): Patience {
  const firstTokenMs =
    limitIn(headers, "first-token") ?? secondsIn(streamTimeout, "stream_timeout");
  const idleMs = limitIn(headers, "idle");
  return {
    ...(firstTokenMs !== undefined && { firstTokenMs }),
    ...(idleMs !== undefined && { idleMs }),
  };
}

/** How often the same deployment is asked again. @throws GatewayError `invalid_request` */
export function retriesHeaderIn(headers: Headers): number | undefined {
  const name = retryHeaders.find((each) => headers.has(each));
  const text = name === undefined ? "" : (headers.get(name) ?? "").trim();
  return name && retriesIn(/^\d{1,6}$/.test(text) ? Number(text) : text, name);
}

/** Models to be asked next. @throws GatewayError `invalid_request` */
export function headerNamesIn(headers: Headers): string[] {
  const text = headers.get("x-megallm-fallbacks");
  if (text === null) return [];
  const names = text.split(",").map((name) => name.trim());
  return namesIn(names, "x-megallm-fallbacks");
}

/** @throws GatewayError `invalid_request` */
export function regionIn(headers: Headers): string | undefined {
  const region = headers.get("x-megallm-region")?.trim();
  if (region !== undefined && !/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(region)) {
    throw refused("x-megallm-region", "must be a region such as `eu` or `eu-west-1`");
  }
  return region;
}
