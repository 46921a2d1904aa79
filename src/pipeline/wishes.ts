// What a single request says of how it is to be routed: headers, fields as OpenRouter and LiteLLM have them, name endings.
import type { Principal } from "../access/authenticate.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject, JsonError, type JsonObject, parse } from "../lib/json.ts";
import { isPolicyName, policies, type PolicyName } from "../routing/policies/index.ts";
import type { Patience } from "../routing/candidate.ts";
import type { Choice } from "../routing/selection.ts";
import type { Inbound } from "./inbound.ts";

export interface Wishes {
  /** For this request, whatever its routes say. */
  policy?: PolicyName;
  /** Tried in order after the model itself. */
  fallbacks: readonly string[];
  /** For all attempts together. */
  timeoutMs?: number;
  /** For each attempt. */
  patience?: Patience;
  /** More attempts at one deployment. */
  retries?: number;
  /** Which deployments may be asked at all. */
  choice?: Choice;
  provider: ProviderWishes;
  /** Names of the body's fields that are for whoever routes; `metadata.tags` is a part of one. */
  fields: readonly string[];
  /** What was asked and cannot be had here. */
  unmet: readonly { field: string; reason: string }[];
}

/** As OpenRouter has them; names are lower case. */
export interface ProviderWishes {
  order?: readonly string[];
  only?: readonly string[];
  ignore?: readonly string[];
  sort?: PolicyName;
  /** Dollars per million tokens. */
  maxPrice?: { prompt?: number; completion?: number };
  requireParameters?: boolean;
  allowFallbacks?: boolean;
}

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

const headerNames = [
  "x-megallm-policy",
  "x-megallm-fallbacks",
  "x-megallm-tags",
  "x-litellm-tags",
  "x-megallm-region",
  ...limitHeaders.map(({ name }) => name),
] as const;

/** The fields of the body, where the client's wire has them. `usage` is met anyway. */
const fieldNames = [
  "models",
  "provider",
  "fallbacks",
  "num_retries",
  "tags",
  "usage",
  "timeout",
  "stream_timeout",
] as const;
type FieldName = (typeof fieldNames)[number];

const maxFallbacks = 20;
const maxTags = 50;
const maxNameLength = 300;
const maxRetries = 10;
const dayMs = 86_400_000;

export const noWishes: Wishes = { fallbacks: [], provider: {}, fields: [], unmet: [] };

/** @throws GatewayError `invalid_request` naming what cannot be read, `forbidden` where the key allows no wishes */
export function wishesOf(inbound: Inbound, caller: Principal): Wishes {
  const { headers, members } = inbound;
  const fields = mayWrite(inbound) ? fieldNames.filter((name) => members.has(name)) : [];
  const written = headerNames.filter((name) => headers.has(name));
  const labels = labelsIn(inbound);
  if (fields.length + written.length === 0 && !labels) return noWishes;
  if (caller.overrides === false) {
    const [first] = [...written, ...fields.filter((name) => name !== "usage")];
    if (first !== undefined) throw forbidden(first);
  }
  const unmet: { field: string; reason: string }[] = [];
  const read = (name: FieldName): unknown =>
    fields.includes(name) ? valueOf(inbound, name) : undefined;
  const policy = policyIn(headers);
  const timeoutMs = limitIn(headers, "all") ?? secondsIn(read("timeout"), "timeout");
  const patience = patienceIn(headers, read("stream_timeout"));
  const retries = retriesIn(read("num_retries"));
  const choice = choiceOf(headers, [
    ...tagsIn(read("tags"), "tags"),
    // They are for accounts as well: a key that may not choose may send them all the same.
    ...(caller.overrides === false ? [] : tagsIn(labels?.tags, "metadata.tags")),
  ]);
  checkUsage(read("usage"));
  const fallbacks = [
    ...headerNamesIn(headers),
    ...namesIn(read("models"), "models"),
    ...fallbacksIn(read("fallbacks"), unmet),
  ];
  if (fallbacks.length > maxFallbacks) {
    throw refused("fallbacks", `may name ${maxFallbacks} models at most`);
  }
  return {
    ...(policy && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(Object.keys(patience).length > 0 && { patience }),
    ...(retries !== undefined && { retries }),
    ...(choice && { choice }),
    fallbacks,
    provider: providerIn(read("provider"), unmet),
    fields: labels ? [...fields, labels.field] : fields,
    unmet,
  };
}

const mayWrite = ({ bodyDialect, wrapped }: Inbound): boolean =>
  bodyDialect.routingFields === true && !wrapped;

export const forbidden = (name: string): GatewayError =>
  new GatewayError(
    "forbidden",
    `This key may not say how its requests are routed: leave out \`${name}\`.`,
    { param: name },
  );

const refused = (name: string, what: string): GatewayError =>
  new GatewayError("invalid_request", `\`${name}\` ${what}.`, { param: name });

/** Null is as good as absent. */
function valueOf({ bytes, members }: Inbound, name: FieldName | "metadata"): unknown {
  const member = members.get(name);
  if (!member) return undefined;
  const { start, end } = member.value;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
  try {
    return parse(text) ?? undefined;
  } catch (error) {
    if (error instanceof JsonError) throw refused(name, `is not acceptable JSON`);
    throw error;
  }
}

function policyIn(headers: Headers): PolicyName | undefined {
  const name = headers.get("x-megallm-policy")?.trim();
  if (name === undefined || isPolicyName(name)) return name;
  throw refused("x-megallm-policy", `must be one of: ${Object.keys(policies).join(", ")}`);
}

/** The first of the headers for this limit, ms. */
function limitIn(headers: Headers, limit: LimitHeader["limit"]): number | undefined {
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
function patienceIn(headers: Headers, streamTimeout: unknown): Patience {
  const firstTokenMs =
    limitIn(headers, "first-token") ?? secondsIn(streamTimeout, "stream_timeout");
  const idleMs = limitIn(headers, "idle");
  return {
    ...(firstTokenMs !== undefined && { firstTokenMs }),
    ...(idleMs !== undefined && { idleMs }),
  };
}

function secondsIn(value: unknown, field: FieldName): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && value > 0 && value * 1000 <= dayMs) {
    return Math.ceil(value * 1000);
  }
  throw refused(field, "must be a number of seconds, above 0 and a day at most");
}

function retriesIn(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) {
    return Math.min(value, maxRetries);
  }
  throw refused("num_retries", "must be a whole number");
}

/** LiteLLM's `metadata.tags`. OpenAI's own metadata has texts only, and those are left alone. */
function labelsIn(inbound: Inbound): { tags: unknown[]; field: string } | undefined {
  if (!mayWrite(inbound) || !inbound.members.has("metadata")) return undefined;
  const metadata = valueOf(inbound, "metadata");
  const tags = isObject(metadata) ? given(metadata, "tags") : undefined;
  if (!isObject(metadata) || !Array.isArray(tags)) return undefined;
  // Nothing of it would be left, and even that is refused by some.
  const isAlone = Object.keys(metadata).length === 1;
  return { tags, field: isAlone ? "metadata" : "metadata.tags" };
}

/** A list, or a text with commas. */
function tagsIn(value: unknown, field: string): string[] {
  if (typeof value !== "string") return namesIn(value, field);
  return value
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

/**
 * Whom a request counts for: the tags of its headers and of its body, whether or not its key may choose by them.
 * `inbound`: absent where the body is not read.
 * @throws GatewayError `invalid_request`
 */
export function tagsOf(headers: Headers, inbound?: Inbound): string[] {
  const isRead = inbound !== undefined && mayWrite(inbound);
  const written = isRead
    ? [
        ...(inbound.members.has("tags") ? tagsIn(valueOf(inbound, "tags"), "tags") : []),
        ...tagsIn(labelsIn(inbound)?.tags, "metadata.tags"),
      ]
    : [];
  return allTags(headers, written);
}

function allTags(headers: Headers, written: readonly string[]): string[] {
  const named = ["x-megallm-tags", "x-litellm-tags"].flatMap((name) =>
    tagsIn(headers.get(name) ?? undefined, name),
  );
  const tags = [...new Set([...named, ...written])];
  if (tags.length > maxTags) throw refused("tags", `may be ${maxTags} at most`);
  return tags;
}

function choiceOf(headers: Headers, written: readonly string[]): Choice | undefined {
  const tags = allTags(headers, written);
  const region = headers.get("x-megallm-region")?.trim();
  if (region !== undefined && !/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(region)) {
    throw refused("x-megallm-region", "must be a region such as `eu` or `eu-west-1`");
  }
  if (tags.length === 0 && region === undefined) return undefined;
  return { ...(tags.length > 0 && { tags }), ...(region !== undefined && { region }) };
}

function checkUsage(value: unknown): void {
  if (value === undefined) return;
  if (!isObject(value) || Object.values(value).some((each) => typeof each !== "boolean")) {
    throw refused("usage", "must be an object such as `{ include: true }`");
  }
}

function headerNamesIn(headers: Headers): string[] {
  const text = headers.get("x-megallm-fallbacks");
  if (text === null) return [];
  const names = text.split(",").map((name) => name.trim());
  return namesIn(names, "x-megallm-fallbacks");
}

function namesIn(value: unknown, field: string): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw refused(field, "must be a list of names");
  return value.map((name: unknown) => nameIn(name, field));
}

function nameIn(value: unknown, field: string): string {
  if (typeof value !== "string" || value.trim() === "" || value.length > maxNameLength) {
    throw refused(field, "must be a list of names, none of them empty");
  }
  return value.trim();
}

/** LiteLLM's: names, or objects whose other members would change the request. */
function fallbacksIn(value: unknown, unmet: { field: string; reason: string }[]): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw refused("fallbacks", "must be a list of models");
  return value.map((item: unknown, at) => {
    if (!isObject(item)) return nameIn(item, "fallbacks");
    for (const name of Object.keys(item).filter((key) => key !== "model")) {
      unmet.push({ field: `fallbacks[${at}].${name}`, reason: "only the model is changed" });
    }
    return nameIn(item["model"], "fallbacks");
  });
}

const sorts: Readonly<Record<string, PolicyName>> = {
  price: "lowest-cost",
  throughput: "highest-throughput",
  latency: "lowest-latency",
};

function providerIn(value: unknown, unmet: { field: string; reason: string }[]): ProviderWishes {
  if (value === undefined) return {};
  if (!isObject(value)) throw refused("provider", "must be an object");
  for (const [name, wish] of Object.entries(value)) {
    if (providerFields.has(name) || wish === null) continue;
    unmet.push({ field: `provider.${name}`, reason: "not known of the providers here" });
  }
  const list = (name: "order" | "only" | "ignore") => {
    const found = given(value, name);
    const names = namesIn(found, `provider.${name}`).map((each) => each.toLowerCase());
    return found === undefined ? {} : { [name]: names };
  };
  const flag = (name: string): boolean | undefined => {
    const found = given(value, name);
    if (found === undefined || typeof found === "boolean") return found;
    throw refused(`provider.${name}`, "must be true or false");
  };
  const sort = sortIn(given(value, "sort"));
  const maxPrice = pricesIn(given(value, "max_price"), unmet);
  const requireParameters = flag("require_parameters");
  const allowFallbacks = flag("allow_fallbacks");
  return {
    ...list("order"),
    ...list("only"),
    ...list("ignore"),
    ...(sort && { sort }),
    ...(maxPrice && { maxPrice }),
    ...(requireParameters !== undefined && { requireParameters }),
    ...(allowFallbacks !== undefined && { allowFallbacks }),
  };
}

const providerFields: ReadonlySet<string> = new Set([
  "order",
  "only",
  "ignore",
  "sort",
  "max_price",
  "require_parameters",
  "allow_fallbacks",
]);

const given = (object: JsonObject, name: string): unknown =>
  Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;

/** A word, or `{ by: word }`. */
function sortIn(value: unknown): PolicyName | undefined {
  if (value === undefined) return undefined;
  const word = isObject(value) ? given(value, "by") : value;
  const policy = typeof word === "string" && Object.hasOwn(sorts, word) ? sorts[word] : undefined;
  if (policy) return policy;
  throw refused("provider.sort", "must be `price`, `throughput` or `latency`");
}

function pricesIn(
  value: unknown,
  unmet: { field: string; reason: string }[],
): ProviderWishes["maxPrice"] {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw refused("provider.max_price", "must be an object");
  for (const name of Object.keys(value)) {
    if (name === "prompt" || name === "completion") continue;
    unmet.push({ field: `provider.max_price.${name}`, reason: "only token prices are compared" });
  }
  const [prompt, completion] = ["prompt", "completion"].map((name) => {
    const written = given(value, name);
    if (written === undefined) return undefined;
    const price =
      typeof written === "string" && /^\d+(?:\.\d+)?$/.test(written) ? Number(written) : written;
    if (typeof price === "number" && price >= 0) return price;
    throw refused(`provider.max_price.${name}`, "must be dollars per million tokens");
  });
  return {
    ...(prompt !== undefined && { prompt }),
    ...(completion !== undefined && { completion }),
  };
}
