// Whom a request came from: the connection tells, and proxies that are trusted; nothing else that a request says of itself.
import { isIP } from "node:net";

const peers = new WeakMap<Request, string>();

/** Noted by the listener. */
export function notePeer(request: Request, address: string | null): void {
  if (address !== null) peers.set(request, address);
}

/** Null where it came over no connection, or nobody knows. */
export const peerOf = (request: Request): string | null => peers.get(request) ?? null;

/** More hops than any sound request has had. */
const maxHops = 100;

/**
 * The last hop, seen from here, that is no trusted proxy. Null where a trusted one says something that is no address,
 * or two headers that disagree: a proxy that writes one of them may let the client's own other one pass.
 * @param address of the connection
 * @example clientBehind("10.0.0.2", new Headers({ "x-forwarded-for": "6.6.6.6, 192.0.2.7" }), isTrusted) // → "192.0.2.7"
 */
export function clientBehind(
  address: string | null,
  headers: Headers,
  isTrusted: (address: string) => boolean,
): string | null {
  if (address === null || !isTrusted(address)) return address;
  const listed = headers.get("x-forwarded-for");
  const written = headers.get("forwarded");
  const clients = [
    ...(listed === null ? [] : [lastStranger(address, hopsOf(listed), isTrusted)]),
    ...(written === null ? [] : [lastStranger(address, forwardedHops(written), isTrusted)]),
  ];
  const [first = address, second = first] = clients;
  return first === second ? first : null;
}

/** From the right, where the nearest proxy wrote. */
function lastStranger(
  address: string,
  hops: readonly (string | null)[],
  isTrusted: (address: string) => boolean,
): string | null {
  let last: string | null = address;
  for (const hop of hops.slice(-maxHops).toReversed()) {
    last = hop;
    if (hop === null || !isTrusted(hop)) return hop;
  }
  return hops.length > maxHops ? null : last;
}

const hopsOf = (header: string): (string | null)[] =>
  header.split(",").map((hop) => addressIn(hop.trim()));

/** RFC 7239: the `for` of each element. */
const forwardedHops = (header: string): (string | null)[] =>
  header.split(",").map((element) => {
    const pairs = element.split(";").map((pair) => pair.trim());
    const named = pairs.filter((pair) => /^for=/i.test(pair));
    const [node] = named;
    // One that says it twice says nothing.
    if (node === undefined || named.length > 1) return null;
    return addressIn(node.slice(4).replace(/^"(.*)"$/, "$1"));
  });

/** Without its port; null for `unknown`, names and everything else that is no address. */
function addressIn(text: string): string | null {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed : null;
  const bare = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? null : bare;
}
