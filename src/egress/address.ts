// Which IP addresses may be connected to.
import ipaddr from "ipaddr.js";
import { remembered } from "../lib/remembered.ts";

/** `link-local` holds the metadata services of clouds (169.254.169.254 and its like). */
export type AddressClass = "public" | "private" | "link-local" | "never";

/** Thrown inside an egress refusal, for the operator's log: which address, and what it is. */
export class BlockedAddressError extends Error {
  override readonly name = "BlockedAddressError";
  readonly address: string;

  constructor(address: string, range: string) {
    super(`${address} is ${range}`);
    this.address = address;
  }
}

/**
 * What kind of place `address` is; anything that is not an IP address in its plain spelling is `never`.
 * An address that wraps another one (v4-mapped, NAT64, 6to4, Teredo) is judged by what it wraps.
 * @example classifyAddress("::ffff:10.0.0.1") // → "private"
 */
export const classifyAddress = remembered((address: string): AddressClass => {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return classifyV4(ipaddr.IPv4.parse(address));
  // The URL parser's spelling is the one that ipaddr.js reads without surprises (it takes `::1.2.3.4` for v4-mapped).
  const plain = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1);
  if (plain === undefined || !ipaddr.IPv6.isValid(plain)) return "never";
  const parsed = ipaddr.IPv6.parse(plain);
  if (parsed.isIPv4MappedAddress()) return classifyV4(parsed.toIPv4Address());
  if (metadataV6.has(parsed.toNormalizedString())) return "link-local";
  const bytes = parsed.toByteArray();
  // NAT64 with a prefix of the operator's own network (RFC 8215).
  if (parsed.match(localNat64, 48)) return worst(wrapped(bytes, 12), "private");
  switch (parsed.range()) {
    case "unicast":
      return parsed.match(globalUnicast, 3) ? "public" : "never";
    case "loopback":
    case "uniqueLocal":
      return "private";
    case "linkLocal":
      return "link-local";
    case "rfc6052":
      return wrapped(bytes, 12);
    case "6to4":
      return wrapped(bytes, 2);
    default:
      // Unspecified, multicast, IPv4-compatible, translated, Teredo, benchmarking, documentation, site-local, discard.
      return "never";
  }
});

function classifyV4(address: ipaddr.IPv4): AddressClass {
  if (metadataV4.has(address.toString())) return "link-local";
  switch (address.range()) {
    case "unicast":
      return "public";
    case "loopback":
    case "private":
    case "carrierGradeNat":
      return "private";
    case "linkLocal":
      return "link-local";
    default:
      // Unspecified (0.0.0.0/8 reaches this machine), broadcast, multicast, reserved, 6to4 relay, AMT, AS112.
      return "never";
  }
}

/** The IPv4 address inside an IPv6 one; what wraps anything but a public address is never needed, so it is closed. */
function wrapped(bytes: number[], offset: number): AddressClass {
  const inner = classifyV4(new ipaddr.IPv4(bytes.slice(offset, offset + 4)));
  return inner === "public" ? "public" : worst(inner, "private");
}

const order: readonly AddressClass[] = ["public", "private", "link-local", "never"];
const worst = (left: AddressClass, right: AddressClass): AddressClass =>
  order.indexOf(left) > order.indexOf(right) ? left : right;

/** Metadata services outside 169.254/16: Alibaba's and Oracle's IPv4, Azure's wire server, AWS's and GCP's IPv6. */
const metadataV4: ReadonlySet<string> = new Set([
  "100.100.100.200",
  "192.0.0.192",
  "168.63.129.16",
]);
const metadataV6: ReadonlySet<string> = new Set([
  "fd00:ec2:0:0:0:0:0:254",
  "fd20:ce:0:0:0:0:0:254",
]);
const globalUnicast = ipaddr.IPv6.parse("2000::");
const localNat64 = ipaddr.IPv6.parse("64:ff9b:1::");

/** Names that mean this machine without asking a resolver (RFC 6761 §6.3). */
export const isLocalName = (hostname: string): boolean => /^(.+\.)?localhost\.?$/i.test(hostname);

/** True for this machine's own addresses and names. */
export const isLoopback = remembered((hostname: string): boolean => {
  if (isLocalName(hostname)) return true;
  if (!ipaddr.isValid(hostname)) return false;
  const parsed = ipaddr.process(hostname);
  return parsed.range() === "loopback" || parsed.range() === "unspecified";
});

/** The host name of a URL as an IP address without brackets, or null when it is a name. */
export const literalAddress = remembered((hostname: string): string | null => {
  const host = hostname.replace(/^\[|\]$/g, "");
  return ipaddr.isValid(host) ? host : null;
});
