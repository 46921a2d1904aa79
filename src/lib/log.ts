// The structured log: one event a line, values made harmless, secrets kept out.
import { bold, cyan, dim, gray, red, yellow } from "./color.ts";
import { now } from "./clock.ts";
import { Secret } from "./secret.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export type LogFormat = "json" | "pretty";

/** What may be logged: plain data. Request bodies, headers and the like have no place in it. */
export type LogValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | Secret
  | Error
  | readonly LogValue[]
  | { readonly [field: string]: LogValue };

export type LogFields = Readonly<Record<string, LogValue>>;

type Write = (event: string, fields?: LogFields, error?: unknown) => void;

/** `event` is a fixed dotted name (`egress.failed`), never a sentence with values in it; `error` is what was thrown. */
export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** A logger that puts `fields` on every event. */
  child(fields: LogFields): Logger;
  /** False when events of `level` are not written: skip costly fields. */
  enabled(level: Exclude<LogLevel, "silent">): boolean;
}

export interface LoggerOptions {
  /** Least level written. Default `info`. */
  level?: LogLevel;
  /** `pretty` is for people at a terminal. Default `json`. */
  format?: LogFormat;
  /** Takes one finished line, with its line feed. Default: standard error. */
  write?: (line: string) => void;
}

/**
 * A logger whose every event is exactly one line: valid JSON, or the pretty form. Control characters, terminal
 * sequences and bidirectional marks are escaped, long values cut, secrets printed as `***`.
 * @example createLogger({ level: "info" }).info("server.started", { port: 6342 })
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const least = levels[options.level ?? "info"];
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const render = options.format === "pretty" ? renderPretty : renderJson;
  const build = (inherited: LogFields): Logger => {
    const at =
      (level: Exclude<LogLevel, "silent">): Write =>
      (event, fields, error) => {
        if (levels[level] < least) return;
        const data = { ...inherited, ...fields };
        const clean = cleanFields(error === undefined ? data : { ...data, error: asError(error) });
        write(
          `${render({ time: new Date(now()), level, event: clip(event, 200), fields: clean })}\n`,
        );
      };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      child: (fields) => build({ ...inherited, ...fields }),
      enabled: (level) => levels[level] >= least,
    };
  };
  return build({});
}

const levels: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40, silent: 100 };

interface Entry {
  time: Date;
  level: Exclude<LogLevel, "silent">;
  event: string;
  fields: Record<string, unknown>;
}

const maxText = 2_000;
const maxStack = 4_000;
const maxItems = 50;
const maxNesting = 6;
const maxCauses = 5;
const maxLine = 32_000;

/** Fields whose value is a credential whatever its type; names compared without `-`, `_` and case. */
const credentialFields: ReadonlySet<string> = new Set([
  "authorization",
  "proxyauthorization",
  "apikey",
  "xapikey",
  "xgoogapikey",
  "cookie",
  "setcookie",
  "password",
  "secret",
  "clientsecret",
  "accesstoken",
  "refreshtoken",
]);

function renderJson(entry: Entry): string {
  const head = { time: entry.time.toISOString(), level: entry.level, event: entry.event };
  const line = escapeUnsafe(JSON.stringify({ ...head, ...withoutHead(entry.fields) }));
  if (line.length <= maxLine) return line;
  const fields = Object.keys(entry.fields).slice(0, maxItems);
  return escapeUnsafe(JSON.stringify({ ...head, truncated: line.length, fields }));
}

/** A field cannot pass for the event's own time, level or name. */
function withoutHead(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    entries.map(([name, value]) => [headNames.has(name) ? `field_${name}` : name, value]),
  );
}

const headNames: ReadonlySet<string> = new Set(["time", "level", "event"]);

function renderPretty(entry: Entry): string {
  const time = dim(entry.time.toISOString().slice(11, 23));
  const fields = Object.entries(entry.fields)
    .map(([name, value]) => `${dim(`${escapeText(name)}=`)}${prettyValue(value)}`)
    .join(" ");
  const line = `${time} ${badges[entry.level]} ${bold(escapeText(entry.event))}`;
  return clip(fields === "" ? line : `${line} ${fields}`, maxLine);
}

const badges: Record<Entry["level"], string> = {
  debug: gray("debug"),
  info: cyan("info "),
  warn: yellow("warn "),
  error: red("error"),
};

function prettyValue(value: unknown): string {
  if (typeof value !== "string") return escapeUnsafe(JSON.stringify(value) ?? "undefined");
  return /^[^\s"=]+$/.test(value) ? escapeText(value) : escapeUnsafe(JSON.stringify(value));
}

function cleanFields(fields: LogFields): Record<string, unknown> {
  return cleanObject(fields, 0, new Set());
}

function cleanObject(
  fields: Readonly<Record<string, unknown>>,
  depth: number,
  seen: Set<object>,
): Record<string, unknown> {
  // No prototype, so that a field called `__proto__` is a field.
  const clean: Record<string, unknown> = Object.create(null);
  let count = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    count += 1;
    if (count > maxItems) {
      clean["…"] = "more fields";
      break;
    }
    const isCredential = credentialFields.has(name.toLowerCase().replaceAll(/[-_]/g, ""));
    clean[clip(name, 100)] =
      isCredential && value !== null ? "***" : cleanValue(value, depth, seen);
  }
  return clean;
}

function cleanValue(value: unknown, depth: number, seen: Set<object>): unknown {
  switch (typeof value) {
    case "string":
      return clip(value, maxText);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return value.toString();
    case "boolean":
      return value;
    case "object":
      return value === null ? null : cleanNested(value, depth, seen);
    default:
      return `[${typeof value}]`;
  }
}

function cleanNested(value: object, depth: number, seen: Set<object>): unknown {
  if (value instanceof Secret) return "***";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (seen.has(value)) return "[circular]";
  if (depth >= maxNesting) return "[nested]";
  seen.add(value);
  try {
    if (value instanceof Error) return cleanError(value, seen);
    if (!Array.isArray(value)) {
      return cleanObject(value as Readonly<Record<string, unknown>>, depth + 1, seen);
    }
    const items = value.slice(0, maxItems).map((item) => cleanValue(item, depth + 1, seen));
    return value.length > maxItems ? [...items, `${value.length - maxItems} more`] : items;
  } finally {
    seen.delete(value);
  }
}

/** An error with its stack and chain of causes. Of its own fields only short scalars: the rest may hold bodies. */
function cleanError(error: Error, seen: Set<object>, level = 0): Record<string, unknown> {
  const clean: Record<string, unknown> = {
    name: clip(error.name, 100),
    message: clip(error.message, maxText),
  };
  for (const field of ["code", "status", "syscall", "kind", "why"]) {
    const value: unknown = Reflect.get(error, field);
    if (typeof value === "string" || typeof value === "number") {
      clean[field] = typeof value === "string" ? clip(value, 200) : value;
    }
  }
  if (level === 0 && typeof error.stack === "string") clean["stack"] = clip(error.stack, maxStack);
  const { cause } = error;
  if (cause !== undefined && cause !== null) {
    if (typeof cause === "object" && seen.has(cause)) clean["cause"] = "[circular]";
    else if (level + 1 >= maxCauses) clean["cause"] = "[nested]";
    else if (cause instanceof Error) {
      seen.add(cause);
      clean["cause"] = cleanError(cause, seen, level + 1);
      seen.delete(cause);
    } else clean["cause"] = clip(describe(cause), maxText);
  }
  return clean;
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(`thrown: ${describe(thrown)}`);

function describe(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}

const clip = (text: string, max: number): string =>
  text.length > max ? `${text.slice(0, max)}… (${text.length} characters)` : text;

/** Delete, C1 controls, line separators, zero-width and bidirectional marks: what JSON leaves unescaped. */
const marks =
  "\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb";
const unsafe = new RegExp(`[${marks}]`, "g");
const unsafeOrControl = new RegExp(`[\\u0000-\\u001f${marks}]`, "g");

const escapeUnsafe = (json: string): string => json.replace(unsafe, escapeCharacter);
const escapeText = (text: string): string => text.replace(unsafeOrControl, escapeCharacter);
const escapeCharacter = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Swallows everything; for tests and for callers that gave no logger. */
export const silentLogger: Logger = createLogger({ level: "silent", write: () => {} });
