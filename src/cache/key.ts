// When two requests are the same: a digest of whose they are, where they go, and every byte that may change the answer.
import type { Dialect } from "../dialects/dialect.ts";
import type { Operation } from "../ir/chat.ts";
import { pickHeaders } from "../lib/headers.ts";
import { isObject, JsonError, type Member, parse } from "../lib/json.ts";
import type { Candidate } from "../routing/candidate.ts";

/** As much of a request as decides about its answer. */
export interface Asked {
  readonly dialect: Dialect;
  readonly bodyDialect: Dialect;
  readonly operation: Operation;
  readonly form?: string;
  readonly headers: Headers;
  readonly url: URL;
  readonly bytes: Uint8Array;
  readonly members: ReadonlyMap<string, Member>;
  readonly model: string;
  readonly unsupported?: string;
  readonly resumedFrom?: string;
  readonly wrapped?: { readonly envelope: { readonly id: string } };
}

export interface KeyParts {
  /** See `partitionOf`: a caller has no say in it. */
  readonly partition: readonly string[];
  readonly namespace?: string | undefined;
  readonly asked: Asked;
  /** Fields of the body that were read as the gateway's own. */
  readonly ownFields: readonly string[];
  /** Names of the guardrails that look at the answer. */
  readonly guardrails?: readonly string[] | undefined;
  /** Where it may go, in any order. */
  readonly candidates: readonly Identity[];
  /** The order that the request, or its key, asks for: it changes who answers first. */
  readonly policy?: string | undefined;
  /** The arm of an experiment that it was given. */
  readonly arm?: string | undefined;
}

export type Identity = Pick<
  Candidate,
  "provider" | "model" | "key" | "parameters" | "order" | "via"
>;

/** Of the form of what is kept: another number, and nothing of before is found. */
const format = 1;

/** Whether the answer is written as a stream, and how, changes nothing of what it says; LiteLLM's field is the gateway's own. */
const isLeftOut = (name: string, { asked, ownFields }: KeyParts): boolean =>
  name === "stream" ||
  (name === "stream_options" && asked.bodyDialect.usageOption !== undefined) ||
  (name === "cache" && ownFields.includes(name));

/** Made anew for every request by its sender, to find it again in a log. */
const traces: ReadonlySet<string> = new Set(["x-client-request-id"]);

/** SHA-256, hex. Every part has its own place, so that no two requests that differ come to one text. */
export function cacheKey(parts: KeyParts): string {
  const { asked, arm, candidates, namespace, partition, policy } = parts;
  const { bytes, dialect, headers, members, url } = asked;
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(
    JSON.stringify([
      format,
      partition,
      namespace ?? null,
      asked.operation,
      dialect.id,
      asked.bodyDialect.id,
      asked.form ?? null,
      asked.wrapped?.envelope.id ?? null,
      asked.model,
      asked.unsupported ?? null,
      asked.resumedFrom ?? null,
      policy ?? null,
      arm ?? null,
      parts.guardrails?.toSorted() ?? [],
      candidates.map(identityOf).toSorted(),
      [...pickHeaders(headers, dialect.requestHeaders)].filter(([name]) => !traces.has(name)),
      (dialect.requestQuery ?? []).map((name) => url.searchParams.getAll(name)),
      asked.bodyDialect.usageOption ? streamOptions(bytes, members) : null,
    ]),
  );
  for (const [name, { key, value }] of members) {
    if (isLeftOut(name, parts)) continue;
    hasher.update("\n");
    hasher.update(bytes.subarray(key.start, value.end));
  }
  return hasher.digest("hex");
}

/** What a stream is asked for besides usage, which is put in or left out when it is given again. */
function streamOptions(bytes: Uint8Array, members: ReadonlyMap<string, Member>): unknown {
  const span = members.get("stream_options")?.value;
  if (!span) return null;
  try {
    const value = parse(Buffer.from(bytes.subarray(span.start, span.end)).toString("utf8"));
    if (!isObject(value)) return value;
    const { include_usage: _usage, ...rest } = value;
    return Object.keys(rest).length === 0 ? null : JSON.stringify(rest);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return Buffer.from(bytes.subarray(span.start, span.end)).toString("base64");
  }
}

/** Made once for each provider of a configuration. */
const places = new WeakMap<Candidate["provider"], string>();

function placeOf(provider: Candidate["provider"]): string {
  const known = places.get(provider);
  if (known !== undefined) return known;
  const { name, preset, baseUrl, settings, headers } = provider;
  const place = JSON.stringify([
    name,
    preset.id,
    baseUrl ?? null,
    sorted(settings),
    sorted(headers),
    (preset.speaks.chat ?? []).map(({ dialect }) => dialect),
  ]);
  places.set(provider, place);
  return place;
}

const sorted = (map: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(map).toSorted(([one], [other]) => (one < other ? -1 : 1));

const identityOf = ({ provider, model, key, parameters, via }: Identity): string =>
  JSON.stringify([
    placeOf(provider),
    model,
    key?.name ?? null,
    via,
    parameters.unsupported,
    parameters.allow,
    parameters.drop,
    parameters.extraBody,
    sorted(parameters.extraHeaders),
  ]);
