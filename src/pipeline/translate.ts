// What would leave for a provider, without sending it: the outbound request and every warning.
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import { recognise } from "../dialects/recognise.ts";
import type { DialectId } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Warning } from "../ir/warning.ts";
import { JsonError, parseObject, type RawJson } from "../lib/json.ts";
import { withMembers, withoutMembers } from "../lib/json-members.ts";
import { providers } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import type { Candidate } from "../routing/candidate.ts";
import { type Asked, type Inbound, inspect } from "./inbound.ts";
import { buildOutbound, chooseEndpoint } from "./outbound.ts";
import { shownBody, shownHeaders } from "./shown.ts";

export interface Translation {
  from: DialectId;
  /** How `from` was found out where nobody said it: by which members of the body. */
  recognised: string | null;
  to: DialectId;
  provider: string;
  model: string;
  /** Same dialect: the client's bytes, but for the model's name. */
  relayed: boolean;
  method: "POST";
  /** Null where nobody configured says where it would go. */
  url: string | null;
  /** Without credentials: they are put on when it is sent. The operator's own values are hidden. */
  headers: Record<string, string>;
  /** For `stringify`: the JSON text as it would leave, but for the operator's own texts in it, which are hidden. */
  body: RawJson;
  warnings: readonly Warning[];
}

/** A request that is only looked at. */
export interface Specimen {
  body: Uint8Array;
  /** The client's, where they say something about the request. */
  headers: Headers;
  /** Null: told by the body's shape. */
  from: DialectId | null;
  /** Goes before the body's own; some wires have it in their path. */
  model: string | null;
  /** Whether the answer is streamed, for wires that say it in their path. */
  stream: boolean | null;
}

/**
 * A body as it would be read at its dialect's own chat path.
 * @throws GatewayError `invalid_request`
 */
export function readSpecimen(specimen: Specimen): {
  inbound: Inbound;
  recognised: string | null;
} {
  const json = orInvalid(() => parseObject(Buffer.from(specimen.body).toString("utf8")));
  const told = specimen.from === null ? recognise(json) : null;
  const dialect = dialects[told?.dialect ?? specimen.from ?? "openai-chat"];
  const route = routeOf(dialect, json);
  const inPath = route?.path.includes("{model}") ?? false;
  const model = specimen.model ?? textIn(json, "model") ?? textIn(json, "modelId");
  if (model === undefined) {
    throw new GatewayError(
      "invalid_request",
      "Nothing says the model: put `model` into the body, or say it beside it (`?model=`, `--model`).",
      { param: "model" },
    );
  }
  const stream = specimen.stream ?? (json["stream"] === true ? true : undefined);
  const bytes = orInvalid(() =>
    inPath
      ? withoutMembers(specimen.body, ["model", "modelId", "stream"])
      : withMembers(specimen.body, { model, stream }),
  );
  const asked: Asked = {
    dialect,
    operation: "chat",
    ...(inPath && { model, stream: stream ?? false }),
    ...(route?.envelope && { envelope: route.envelope }),
  };
  const request = new Request("http://localhost/", { headers: specimen.headers });
  return {
    inbound: inspect(bytes, request, asked),
    recognised:
      told && (told.by ?? "nothing in the body tells its wire: the most common one is assumed"),
  };
}

/** The chat path that such a body is posted to: a wrapped one where the body has what its wrapping adds. */
function routeOf(dialect: Dialect, json: Record<string, unknown>) {
  const routes = dialect.routes.filter(({ operation }) => operation === "chat");
  const wrapped = routes.find(({ envelope }) => {
    const added = Object.entries(envelope?.adds ?? {});
    return added.length > 0 && added.every(([name, value]) => json[name] === value);
  });
  return wrapped ?? routes.find(({ envelope }) => !envelope);
}

function textIn(json: Record<string, unknown>, name: string): string | undefined {
  const value = Object.hasOwn(json, name) ? json[name] : undefined;
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

function orInvalid<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError(
      "invalid_request",
      `The request body is not acceptable JSON: ${error.message}.`,
    );
  }
}

/**
 * The request for the first candidate that speaks `to`, null for the first of all; where none does, for that
 * dialect's own vendor.
 * @throws GatewayError `invalid_request`, `unsupported_feature`
 */
export async function translate(
  { inbound, recognised }: ReturnType<typeof readSpecimen>,
  candidates: readonly Candidate[],
  to: DialectId | null,
): Promise<Translation> {
  const speaking = candidates.flatMap((candidate) => narrowed(candidate, to) ?? []);
  const found = speaking.find((each) => chooseEndpoint(inbound, each) !== undefined);
  const model = candidates[0]?.model ?? inbound.model;
  const candidate = found ?? (to === null ? undefined : standIn(to, model));
  const endpoint = candidate && chooseEndpoint(inbound, candidate);
  if (!candidate || !endpoint) {
    throw new GatewayError(
      "unsupported_feature",
      "No deployment of this model takes this request.",
    );
  }
  // What the gateway keeps for a conversation (signed reasoning) is not looked up: nothing was asked.
  const outbound = await buildOutbound(inbound, candidate, endpoint, async (request) => request);
  return {
    from: inbound.bodyDialect.id,
    recognised,
    to: outbound.dialect.id,
    provider: candidate.provider.name,
    model: candidate.model,
    relayed: outbound.relayed,
    method: "POST",
    url: found ? outbound.url.href : null,
    headers: shownHeaders(outbound),
    body: shownBody(outbound),
    warnings: outbound.warnings,
  };
}

/** The candidate as if it spoke `to` alone; undefined when it does not. */
function narrowed(candidate: Candidate, to: DialectId | null): Candidate | undefined {
  if (to === null) return candidate;
  const preset = onlySpeaking(candidate.provider.preset, to);
  return preset && { ...candidate, provider: { ...candidate.provider, preset } };
}

function onlySpeaking(preset: Provider, to: DialectId): Provider | undefined {
  const chat = preset.speaks.chat?.filter((endpoint) => endpoint.dialect === to) ?? [];
  return chat.length > 0 ? { ...preset, speaks: { chat } } : undefined;
}

/** The vendor of a dialect, as nobody configured it. */
function standIn(to: DialectId, model: string): Candidate | undefined {
  const hosted = providers.filter(({ baseUrl, local }) => baseUrl !== undefined && !local);
  const preset =
    hosted.find(({ speaks }) => speaks.chat?.[0]?.dialect === to) ??
    hosted.find(({ speaks }) => speaks.chat?.some(({ dialect }) => dialect === to));
  const narrow = preset && onlySpeaking(preset, to);
  if (!narrow) return undefined;
  const settings = Object.fromEntries(
    Object.entries(narrow.urlSettings ?? {}).map(([name, setting]) => [
      name,
      setting.default ?? setting.example,
    ]),
  );
  // Any model, whichever its vendor really has.
  const chat =
    narrow.speaks.chat?.map(({ models: _models, needs: _needs, ...endpoint }) => endpoint) ?? [];
  return {
    provider: {
      name: narrow.id,
      preset: { ...narrow, speaks: { chat } },
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
    model: model.startsWith(`${narrow.id}/`) ? model.slice(narrow.id.length + 1) : model,
    key: null,
    timeouts: {
      connectMs: null,
      firstByteMs: null,
      firstTokenMs: null,
      idleMs: null,
      totalMs: null,
    },
    retry: {},
    via: [model],
    order: 0,
    gates: [],
    parameters: { unsupported: "warn", allow: [], drop: [], extraBody: {}, extraHeaders: {} },
  };
}

/**
 * The deployments that may answer for a model; none where nobody here serves it and a dialect alone is asked about.
 * @throws GatewayError `model_not_found`, `no_route`
 */
export async function candidatesFor(
  model: string,
  router: { candidates(name: string): Promise<Candidate[]> },
  to: DialectId | null,
): Promise<Candidate[]> {
  try {
    return await router.candidates(model);
  } catch (error) {
    const isUnknown =
      error instanceof GatewayError &&
      (error.code === "model_not_found" || error.code === "no_route");
    if (isUnknown && to !== null) return [];
    throw error;
  }
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
