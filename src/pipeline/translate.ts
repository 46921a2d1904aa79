// What would leave for a provider, without sending it: the outbound request and every warning.
import { dialects } from "../dialects/index.ts";
import type { DialectId } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Warning } from "../ir/warning.ts";
import { parse } from "../lib/json.ts";
import { providers } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import type { Candidate } from "../routing/router.ts";
import type { Inbound } from "./inbound.ts";
import { buildOutbound, chooseEndpoint, type Outbound } from "./outbound.ts";

export interface Translation {
  from: DialectId;
  to: DialectId;
  provider: string;
  model: string;
  /** Same dialect: the client's bytes, but for the model's name. */
  relayed: boolean;
  method: "POST";
  /** Null where nobody configured says where it would go. */
  url: string | null;
  /** Without credentials: they are put on when it is sent. */
  headers: Record<string, string>;
  body: unknown;
  warnings: readonly Warning[];
}

/**
 * The request for the first candidate that speaks `to`; where none does, for that dialect's own vendor.
 * @throws GatewayError `invalid_request`, `unsupported_feature`
 */
export async function translate(
  inbound: Inbound,
  candidates: readonly Candidate[],
  to: DialectId | null,
): Promise<Translation> {
  const speaking = candidates.flatMap((candidate) => narrowed(candidate, to) ?? []);
  const candidate = speaking[0] ?? (to === null ? undefined : standIn(to, inbound));
  const endpoint = candidate && chooseEndpoint(inbound, candidate);
  if (!candidate || !endpoint) {
    throw new GatewayError(
      "unsupported_feature",
      "No deployment of this model takes this request.",
    );
  }
  const outbound = await buildOutbound(inbound, candidate, endpoint, async (request) => request);
  return {
    from: inbound.bodyDialect.id,
    to: outbound.dialect.id,
    provider: candidate.provider.name,
    model: candidate.model,
    relayed: outbound.relayed,
    method: "POST",
    url: speaking.length > 0 ? outbound.url.href : null,
    headers: outbound.headers.toJSON(),
    body: bodyOf(outbound),
    warnings: outbound.warnings,
  };
}

const bodyOf = ({ body }: Outbound): unknown =>
  parse(typeof body === "string" ? body : Buffer.from(body).toString("utf8"));

/** The candidate as if it spoke `to` alone; undefined when it does not. */
function narrowed(candidate: Candidate, to: DialectId | null): Candidate | undefined {
  if (to === null) return candidate;
  const preset = onlySpeaking(candidate.provider.preset, to);
  return preset && { ...candidate, provider: { ...candidate.provider, preset } };
}

function onlySpeaking(preset: Provider, to: DialectId): Provider | undefined {
  const speaks: Record<string, Provider["speaks"][keyof Provider["speaks"]]> = {};
  for (const [operation, endpoints] of Object.entries(preset.speaks)) {
    const left = endpoints.filter((endpoint) => endpoint.dialect === to);
    if (left.length > 0) speaks[operation] = left;
  }
  return Object.keys(speaks).length > 0 ? { ...preset, speaks } : undefined;
}

/** The vendor of a dialect, as nobody configured it. */
function standIn(to: DialectId, { model, operation }: Inbound): Candidate | undefined {
  const speaksIt = (preset: Provider): boolean =>
    preset.baseUrl !== undefined && preset.speaks[operation]?.[0]?.dialect === to;
  const preset =
    providers.find((each) => !each.local && speaksIt(each)) ?? providers.find(speaksIt);
  const narrow = preset && onlySpeaking(preset, to);
  if (!narrow) return undefined;
  const settings = Object.fromEntries(
    Object.entries(narrow.urlSettings ?? {}).map(([name, setting]) => [
      name,
      setting.default ?? setting.example,
    ]),
  );
  return {
    provider: {
      name: narrow.id,
      preset: narrow,
      customBaseUrl: false,
      settings,
      secrets: {},
      keys: [],
      headers: {},
      models: null,
      prices: [],
      timeouts: {},
      parameters: {},
      origin: "built-in",
    },
    model,
    key: null,
    timeouts: { connectMs: null, firstByteMs: null, idleMs: null, totalMs: null },
    parameters: { unsupported: "warn", allow: [], drop: [], extraBody: {}, extraHeaders: {} },
  };
}

/** @throws GatewayError `invalid_request` naming the dialects there are */
export function readDialect(text: string): DialectId {
  const found = Object.values(dialects).find(({ id }) => id === text);
  if (found) return found.id;
  throw new GatewayError(
    "invalid_request",
    `\`${text.slice(0, 60)}\` is not a dialect. There are ${Object.keys(dialects).join(", ")}.`,
  );
}
