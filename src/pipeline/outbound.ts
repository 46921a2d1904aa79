// The request as it leaves for one deployment: where to, in which dialect, relayed or translated.
import { modelFacts } from "../catalog/facts.ts";
import type { Dialect, Edit, Target } from "../dialects/dialect.ts";
import { demandDialect, wrapBody } from "../dialects/enveloped.ts";
import { dialects } from "../dialects/index.ts";
import type { ChatRequest, Operation, Origin } from "../ir/chat.ts";
import type { Warning } from "../ir/warning.ts";
import type { Framing } from "../lib/framing.ts";
import { pickHeaders } from "../lib/headers.ts";
import { scan, splice } from "../lib/json.ts";
import { endpointsFor, resolveEndpoint } from "../providers/endpoint.ts";
import type { Endpoint } from "../providers/provider.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Inbound } from "./inbound.ts";
import { fitBody } from "./fit.ts";
import { applyParameters } from "./parameters.ts";
import { begunText, type Reshaping, withoutEcho } from "./prefill.ts";
import { emulateSchema } from "./structured.ts";

/** A request ready to leave, but for its credentials. */
export interface Outbound {
  candidate: Candidate;
  dialect: Dialect;
  endpoint: Endpoint;
  /** Same dialect on both sides: bytes are relayed, not translated. */
  relayed: boolean;
  origin: Origin;
  url: URL;
  headers: Headers;
  body: Uint8Array | string;
  warnings: Warning[];
  /** The stream carries usage only because the gateway asked; its chunk is kept from the client. */
  hidesUsage: boolean;
  /** How the upstream writes streams. */
  framing: Framing;
  /** What the client asked for is asked for otherwise here: its answer is to be put right. */
  emulation?: Reshaping;
}

/** Where and how a request goes, whatever is in it. */
export type Shell = Omit<Outbound, "body" | "warnings" | "hidesUsage" | "emulation">;

/** Name under which signed content of this provider is recognised: accounts of one vendor share it. */
export const vendor = (candidate: Candidate): string =>
  candidate.provider.preset.baseUrl === undefined
    ? candidate.provider.name
    : candidate.provider.preset.id;

/** The endpoint that serves this operation best: the client's own dialect if there is one, else one that it can be translated to. */
export function chooseEndpoint(inbound: Inbound, candidate: Candidate): Endpoint | undefined {
  const { provider, model } = candidate;
  const { dialect, operation } = inbound;
  const endpoints = endpointsFor(provider.preset, operation, model);
  const same = endpoints.filter((endpoint) => endpoint.dialect === dialect.id);
  const best =
    same.find((endpoint) => isSameEnvelope(inbound, endpoint) && isSameForm(inbound, endpoint)) ??
    same[0];
  if (operation === "chat") return best ?? endpoints[0];
  const codec = codecOf(dialect, operation);
  if (codec) {
    return best ?? endpoints.find((endpoint) => codecOf(dialects[endpoint.dialect], operation));
  }
  // Other operations can only be relayed, and an upstream would refuse what it did not make.
  return best && inbound.carriesForeign(provider.preset.quirks) ? undefined : best;
}

/** The codec of an operation that is translated besides chat. */
export const codecOf = (dialect: Dialect, operation: Operation) =>
  operation === "embeddings" || operation === "rerank" ? dialect[operation] : undefined;

const isSameEnvelope = (inbound: Inbound, endpoint: Endpoint): boolean =>
  endpoint.envelope?.id === inbound.wrapped?.envelope.id;

const isSameForm = ({ form }: Pick<Inbound, "form">, endpoint: Endpoint): boolean =>
  endpoint.form === undefined || endpoint.form === form;

/** Same dialect on both sides, and nothing in the body that only the gateway understands. */
export const canRelay = (inbound: Asking, { provider }: Candidate, endpoint: Endpoint): boolean =>
  endpoint.dialect === inbound.dialect.id &&
  isSameForm(inbound, endpoint) &&
  !inbound.carriesForeign(provider.preset.quirks) &&
  !(provider.preset.quirks.noJsonSchema && inbound.asksSchema());

/** What of a request decides where it goes and with which headers. */
export type Asking = Pick<
  Inbound,
  "dialect" | "form" | "headers" | "url" | "stream" | "carriesForeign" | "asksSchema"
>;

/** Of endpoints whose paths do not hold the model, by whether the request wants a stream. */
const fixed = new WeakMap<Candidate["provider"], WeakMap<Endpoint, Map<boolean, string>>>();

/** @throws GatewayError `no_route`, `model_not_found` */
function urlOf({ provider, model }: Candidate, endpoint: Endpoint, stream: boolean): URL {
  const known = fixed.get(provider) ?? new WeakMap<Endpoint, Map<boolean, string>>();
  const hrefs = known.get(endpoint) ?? new Map<boolean, string>();
  const href = hrefs.get(stream);
  if (href !== undefined) return new URL(href);
  const { path, streamPath = "" } = endpoint;
  const url = resolveEndpoint(provider.preset, endpoint, {
    baseUrl: provider.customBaseUrl ? provider.baseUrl : undefined,
    settings: provider.settings,
    model,
    stream,
  });
  if (!`${path}${streamPath}`.includes("{model}")) {
    fixed.set(provider, known.set(endpoint, hrefs.set(stream, url.href)));
  }
  return url;
}

/** Where the request goes and with which headers. @throws GatewayError `no_route`, `model_not_found` */
export function shellOf(inbound: Asking, candidate: Candidate, endpoint: Endpoint): Shell {
  const { provider, model } = candidate;
  const dialect = dialects[endpoint.dialect];
  const url = urlOf(candidate, endpoint, inbound.stream);
  const headers = new Headers({ ...provider.preset.headers, ...endpoint.headers });
  if (dialect.id === inbound.dialect.id) {
    for (const [name, value] of pickHeaders(inbound.headers, dialect.requestHeaders)) {
      headers.set(name, value);
    }
    for (const name of dialect.requestQuery ?? []) {
      const value = inbound.url.searchParams.get(name);
      if (value !== null) url.searchParams.set(name, value);
    }
  }
  const framing = endpoint.envelope?.framing ?? dialect.stream.framing;
  const [streamed = ""] = framing.contentType.split(";");
  headers.set("content-type", "application/json");
  headers.set("accept", inbound.stream ? streamed : "application/json");
  return {
    candidate,
    dialect,
    endpoint,
    relayed: canRelay(inbound, candidate, endpoint),
    origin: { dialect: dialect.id, provider: vendor(candidate), model },
    url,
    headers,
    framing,
  };
}

/**
 * Splices the client's bytes for an upstream of the same dialect, or decodes and encodes them for another.
 * `rewrites`: the bytes will not do, also for the same dialect.
 * @throws GatewayError `invalid_request`, `unsupported_feature`
 */
export async function buildOutbound(
  inbound: Inbound,
  candidate: Candidate,
  endpoint: Endpoint,
  restore: Restore,
  rewrites = false,
): Promise<Outbound> {
  const found = shellOf(inbound, candidate, endpoint);
  const shell = rewrites ? { ...found, relayed: false } : found;
  const content = shell.relayed
    ? relayBody(inbound, shell)
    : await translateBody(inbound, shell, restore);
  return finishOutbound(inbound, shell, content);
}

/** Puts back into a request what its target signed and the client could not carry. */
export type Restore = (request: ChatRequest, target: Origin) => Promise<ChatRequest>;

type Content = Pick<Outbound, "body" | "warnings" | "hidesUsage" | "emulation">;

/** The operator's additions, the client's wishes about what is lost, and the endpoint's envelope. @throws GatewayError `unsupported_feature` */
export function finishOutbound(inbound: Inbound, shell: Shell, content: Content): Outbound {
  const { candidate, endpoint, headers } = shell;
  for (const [name, value] of Object.entries(candidate.provider.headers)) headers.set(name, value);
  for (const [name, value] of Object.entries(candidate.parameters.extraHeaders)) {
    headers.set(name, value);
  }
  const outbound = withNotes(inbound, { ...shell, ...applyParameters(inbound, shell, content) });
  const isWrapped = outbound.body === inbound.wrapped?.bytes;
  if (!endpoint.envelope || isWrapped) return outbound;
  const warnings = [...outbound.warnings];
  const body = wrapBody(bytesOf(outbound.body), endpoint.envelope, {
    headers,
    settings: candidate.provider.settings,
    warn: (field, reason) => warnings.push({ field, reason, target: candidate.provider.name }),
  });
  return { ...outbound, body, warnings };
}

function withNotes(inbound: Inbound, outbound: Outbound): Outbound {
  const told = notesFor(inbound, outbound.candidate);
  return told.length === 0 ? outbound : { ...outbound, warnings: [...told, ...outbound.warnings] };
}

/** What is told of the request itself where this one answers it. */
export const notesFor = (
  { notes = [], unsupported }: Pick<Inbound, "notes" | "unsupported">,
  candidate: Candidate,
): Warning[] =>
  (unsupported ?? candidate.parameters.unsupported) === "drop"
    ? []
    : notes.map((note) => ({ ...note, target: vendor(candidate) }));

function relayBody(inbound: Inbound, { candidate, dialect, endpoint }: Shell): Content {
  const { wrapped } = inbound;
  if (wrapped && isSameEnvelope(inbound, endpoint)) {
    return { body: wrapped.bytes, warnings: [], hidesUsage: false };
  }
  // Another API of the same dialect takes that dialect alone.
  if (wrapped) demandDialect(scan(wrapped.bytes), wrapped.envelope);
  const { provider, parameters } = candidate;
  const { quirks } = provider.preset;
  const { bytes, members, losses } = fitBody(inbound, {
    dialect,
    model: candidate.model,
    operation: inbound.operation,
    quirks,
    allowed: parameters.allow,
  });
  const edits: Edit[] = [];
  const name = members.get("model");
  if (inbound.model !== candidate.model) {
    if (dialect.renameModel) edits.push(...dialect.renameModel(bytes, members, candidate.model));
    else if (name) edits.push({ ...name.value, text: JSON.stringify(candidate.model) });
  }
  const usage =
    inbound.stream && (quirks.usageInStream ?? "option") === "option"
      ? (dialect.usageOption?.edits(bytes, members) ?? [])
      : [];
  return {
    body: splice(bytes, [...edits, ...usage]),
    warnings: losses.map((loss) => ({ ...loss, target: vendor(candidate) })),
    hidesUsage: usage.length > 0,
  };
}

async function translateBody(inbound: Inbound, shell: Shell, restore: Restore): Promise<Content> {
  const { dialect } = shell;
  const decoded = inbound.chat();
  const target = await targetOf(shell.candidate);
  const restored = await restore(decoded.value, shell.origin);
  const emulation =
    dialect.enforcesSchema?.(target) === false
      ? emulateSchema(restored, target.provider)
      : undefined;
  const encoded = dialect.request.encode(emulation?.request ?? restored, target);
  for (const [name, value] of Object.entries(encoded.headers)) shell.headers.set(name, value);
  const warnings = [...decoded.warnings, ...encoded.warnings];
  const begun = target.quirks.echoesPrefill ? begunText(restored) : "";
  const reshaping = emulation ?? (begun === "" ? undefined : withoutEcho(begun));
  return {
    body: encoded.body,
    warnings: emulation ? [...warnings, emulation.warning] : warnings,
    hidesUsage: false,
    ...(reshaping && { emulation: reshaping }),
  };
}

/** What an encoder must know of the model that a request goes to. */
export async function targetOf(candidate: Candidate): Promise<Target> {
  const { provider, model } = candidate;
  return {
    provider: vendor(candidate),
    model,
    quirks: provider.preset.quirks,
    facts: await modelFacts(provider.preset.id, model),
  };
}

const bytesOf = (body: Uint8Array | string): Uint8Array =>
  typeof body === "string" ? Buffer.from(body) : body;
