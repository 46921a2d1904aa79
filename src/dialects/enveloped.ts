// A dialect's body in the form of an API that carries it, and back: on the bytes, so that all else keeps its spelling.
import { GatewayError } from "../ir/error.ts";
import { type Member, parse, scan, splice } from "../lib/json.ts";
import { withMembers, withoutMembers, withoutPath } from "../lib/json-members.ts";
import type { Envelope } from "./envelope.ts";

export interface WrapOptions {
  /** The request's. Those that are body members in this API are taken out, values that it refuses as well. */
  headers: Headers;
  /** The provider's plain settings, for `adds`. */
  settings?: Readonly<Record<string, string>>;
  /** Called for each header value and member that the API would refuse. */
  warn?(field: string, reason: string): void;
}

/**
 * A body in the dialect's own form as this API takes it.
 * @throws JsonError when `bytes` are not one JSON object.
 * @example wrapBody(Buffer.from('{"model":"m","max_tokens":1}'), bedrockInvoke, { headers })
 * // → {"anthropic_version":"bedrock-2023-05-31","max_tokens":1}
 */
export function wrapBody(bytes: Uint8Array, envelope: Envelope, options: WrapOptions): Uint8Array {
  const { headers, settings = {} } = options;
  let body = envelope.omits.length > 0 ? withoutMembers(bytes, envelope.omits) : bytes;
  for (const { path, value } of envelope.refuses ?? []) {
    if (value !== undefined && valueAt(body, path) !== JSON.stringify(value)) continue;
    const without = withoutPath(body, path);
    if (!without) continue;
    body = without;
    options.warn?.(path.join(".").replaceAll(".*", "[*]"), "this API does not take it");
  }
  body = renameMembers(body, envelope.renames ?? {});
  filterHeaders(envelope, options);
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(envelope.adds ?? {})) {
    const setting = typeof value === "string" ? placeholder.exec(value)?.[1] : undefined;
    values[name] = setting === undefined ? value : settings[setting];
  }
  for (const [header, name] of Object.entries(envelope.headerMembers ?? {})) {
    const asked = listOf(headers.get(header));
    if (asked.length > 0) {
      const known = readList(body, name);
      values[name] = [...new Set([...known, ...asked])];
    }
    headers.delete(header);
  }
  return Object.keys(values).length > 0 ? withMembers(body, values) : body;
}

const placeholder = /^\{(\w+)\}$/;

export interface Unwrapped {
  /** The body in the dialect's own form, but for what the path says. */
  bytes: Uint8Array;
  /** Request headers of the dialect that were body members. Lower-case names. */
  headers: Record<string, string>;
}

/**
 * Undoes {@link wrapBody}: the members that the API adds are taken out. Those that the path says are the caller's to put in.
 * @throws JsonError when `bytes` are not one JSON object.
 */
export function unwrapBody(bytes: Uint8Array, envelope: Envelope): Unwrapped {
  const headers: Record<string, string> = {};
  const members = Object.entries(envelope.headerMembers ?? {});
  for (const [header, name] of members) {
    const values = readList(bytes, name);
    if (values.length > 0) headers[header] = values.join(",");
  }
  const own = [...Object.keys(envelope.adds ?? {}), ...members.map(([, name]) => name)];
  const plain = own.length > 0 ? withoutMembers(bytes, own) : bytes;
  const back = Object.entries(envelope.renames ?? {}).map(([name, other]) => [other, name]);
  return { bytes: renameMembers(plain, Object.fromEntries(back)), headers };
}

/**
 * Refuses a body that is not in the envelope's dialect but in another vendor's form: it can only be relayed to the same API.
 * `members` are those of the body as it came, still wrapped.
 * @throws GatewayError `invalid_request`
 */
export function demandDialect(members: ReadonlyMap<string, Member>, envelope: Envelope): void {
  const missing = envelope.demands?.find((name) => !members.has(name));
  if (missing === undefined) return;
  throw new GatewayError(
    "invalid_request",
    `The field \`${missing}\` is missing: the body is not in the one form that the gateway can translate here. Send it to a model that is served by this API itself.`,
    { param: missing },
  );
}

/** The JSON text of a member below others; undefined where it is not there. */
function valueAt(bytes: Uint8Array, path: readonly string[]): string | undefined {
  let inner = bytes;
  for (const step of path) {
    // What stands around the whole body was skipped when it was found to be an object.
    if (inner !== bytes && inner[0] !== brace) return undefined;
    const member = scan(inner).get(step);
    if (!member) return undefined;
    inner = inner.subarray(member.value.start, member.value.end);
  }
  return Buffer.from(inner).toString("utf8");
}

const brace = 0x7b;

function renameMembers(bytes: Uint8Array, names: Readonly<Record<string, string>>): Uint8Array {
  if (Object.keys(names).length === 0) return bytes;
  const edits = [...scan(bytes)].flatMap(([name, { key }]) => {
    const other = Object.hasOwn(names, name) ? names[name] : undefined;
    return other === undefined ? [] : [{ ...key, text: JSON.stringify(other) }];
  });
  return splice(bytes, edits);
}

function filterHeaders({ headerValues = {} }: Envelope, { headers, warn }: WrapOptions): void {
  for (const [header, allowed] of Object.entries(headerValues)) {
    const asked = listOf(headers.get(header));
    if (asked.length === 0) continue;
    const kept = asked.filter((value) => allowed.includes(value));
    if (kept.length === asked.length) continue;
    for (const value of asked) {
      if (!kept.includes(value)) warn?.(`${header}: ${value}`, "this API does not take it");
    }
    if (kept.length > 0) headers.set(header, kept.join(","));
    else headers.delete(header);
  }
}

const listOf = (value: string | null): string[] =>
  (value ?? "")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/** The texts in a list, or in a text that is one; anything else is none. */
function readList(bytes: Uint8Array, name: string): string[] {
  const member = scan(bytes).get(name);
  if (!member) return [];
  const { start, end } = member.value;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = parse(buffer.toString("utf8", start, end));
  if (typeof value === "string") return listOf(value);
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === "string")
    : [];
}
