// Lists of addresses: single ones and CIDR blocks, v4 and v6, whatever way they are written.
import { BlockList, isIP } from "node:net";
import { remembered } from "./remembered.ts";

/** An address or a CIDR block, read. */
interface Block {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** What is wrong with one item of such a list; null when it is well written. */
export function addressFault(text: string): string | null {
  return parse(text) ? null : `\`${text.slice(0, 60)}\` is no address and no CIDR block.`;
}

/**
 * Tests addresses as a listener gives them. A v4 address that comes mapped into v6 counts as itself; one that
 * is missing or not canonical is outside of every list.
 * @example createAddressList(["10.0.0.0/8"])("::ffff:10.1.2.3") // → true
 */
export function createAddressList(
  items: readonly string[],
): (address: string | null | undefined) => boolean {
  if (items.length === 0) return () => false;
  const list = new BlockList();
  for (const item of items) {
    const block = parse(item);
    if (block) list.addSubnet(block.address, block.bits, block.family);
  }
  const has = remembered((address) => {
    const plain = canonical(address);
    return plain !== null && list.check(plain.address, plain.family);
  });
  return (address) => has(address ?? "");
}

const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/** Without a zone, shortest spelling, v4 out of v6; null for what is no address. */
function canonical(text: string): Pick<Block, "address" | "family"> | null {
  const bare = text.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "");
  const version = isIP(bare);
  if (version === 0) return null;
  if (version === 4) return { address: bare, family: "ipv4" };
  const dotted = mapped.exec(bare.toLowerCase())?.[1] ?? hexMapped(bare);
  return dotted && isIP(dotted) === 4
    ? { address: dotted, family: "ipv4" }
    : { address: bare, family: "ipv6" };
}

/** `::ffff:a01:203` and longer spellings of the same as `10.1.2.3`. */
function hexMapped(address: string): string | null {
  const host = URL.parse(`http://[${address}]/`)?.hostname ?? "";
  const match = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host);
  if (!match?.[1] || !match[2]) return null;
  const [high, low] = [Number.parseInt(match[1], 16), Number.parseInt(match[2], 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function parse(text: string): Block | null {
  const match = /^([^/]{2,60})(?:\/(\d{1,3}))?$/.exec(text);
  if (!match?.[1] || match[1].includes("%") || match[1].includes("[")) return null;
  const written = isIP(match[1]) === 6 ? 128 : 32;
  const found = canonical(match[1]);
  if (!found) return null;
  const given = match[2] === undefined ? written : Number(match[2]);
  if (given > written) return null;
  // A block of mapped addresses is a block of v4.
  const bits = written === 128 && found.family === "ipv4" ? given - 96 : given;
  return bits < 0 ? null : { ...found, bits };
}
