// HTTP header rules: which headers never cross a proxy, which may, and how a value is made safe.
import { remembered } from "./remembered.ts";

/** Headers that belong to one connection, not to the message (RFC 9110 §7.6.1 and practice). */
export const hopByHopHeaders: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The headers (lower case) that this message's `connection` header binds to its connection. */
export function connectionHeaders(headers: Headers): ReadonlySet<string> {
  const named = headers.get("connection");
  return named === null ? none : new Set(named.toLowerCase().split(/[\s,]+/));
}

const none: ReadonlySet<string> = new Set();

/** True when `name` (lower case) is in `allowList`; a trailing `*` there matches any ending. */
export function isAllowed(name: string, allowList: readonly string[]): boolean {
  const known = tests.get(allowList);
  if (known) return known(name);
  const test = remembered((text) =>
    allowList.some((pattern) =>
      pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern,
    ),
  );
  tests.set(allowList, test);
  return test(name);
}

/** The lists are the dialects' own: each is asked for the same few names. */
const tests = new WeakMap<readonly string[], (name: string) => boolean>();

/**
 * The headers that `allowList` (lower case) names. Hop-by-hop headers and those that `connection`
 * nominates never pass, whatever the list says.
 * @example pickHeaders(headers, ["openai-*", "request-id"])
 */
export function pickHeaders(headers: Headers, allowList: readonly string[]): Headers {
  const picked = new Headers();
  const nominated = connectionHeaders(headers);
  for (const [name, value] of headers) {
    if (!isAllowed(name, allowList)) continue;
    if (hopByHopHeaders.has(name) || nominated.has(name)) continue;
    picked.append(name, value);
  }
  return picked;
}

/**
 * Text as a header value: printable ASCII only, the rest percent-encoded as UTF-8 (`%` too, so that
 * decoding is exact), cut to `maxLength` characters with `...` at the end.
 */
export function encodeHeaderValue(text: string, maxLength = 1024): string {
  let encoded = "";
  for (const character of text) {
    const next = /^[ -$&-~]$/.test(character) ? character : percentEncode(character);
    if (encoded.length + next.length > maxLength) {
      return `${encoded.slice(0, maxLength - 3)}...`.trim();
    }
    encoded += next;
  }
  return encoded.trim();
}

const percentEncode = (character: string): string =>
  [...Buffer.from(character, "utf8")]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
