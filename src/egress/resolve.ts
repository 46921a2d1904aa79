// Host names to addresses: remembered for seconds, never when it failed, dead addresses last.
import { lookup } from "node:dns/promises";
import { monotonic } from "../lib/clock.ts";
import { isLocalName } from "./address.ts";

/** All addresses of a name, in order of preference. */
export type Resolve = (hostname: string) => Promise<string[]>;

export interface Resolver {
  /** The addresses, when they are known already. */
  known(hostname: string): readonly string[] | undefined;
  /** At least one address. @throws Error with `code` as `dns.lookup` gives it. */
  addresses(hostname: string): Promise<readonly string[]>;
  /** The address does not answer: try it last until the name is looked up again. */
  demote(hostname: string, address: string): void;
}

/** Long enough to spare a lookup per request, short enough to follow a change at once. */
const lifetimeMs = 10_000;
const maxNames = 1_000;

export function createResolver(resolve: Resolve = systemResolve): Resolver {
  const known = new Map<string, { addresses: readonly string[]; untilMs: number }>();
  const asked = new Map<string, Promise<readonly string[]>>();

  const ask = async (hostname: string): Promise<readonly string[]> => {
    try {
      const found = await resolve(hostname);
      if (found.length === 0) {
        throw Object.assign(new Error("the name has no address"), { code: "ENODATA" });
      }
      // IPv4 first: a machine without IPv6 would otherwise wait for it in vain.
      const addresses = found.toSorted((left, right) => family(left) - family(right));
      if (known.size >= maxNames) known.clear();
      known.set(hostname, { addresses, untilMs: monotonic() + lifetimeMs });
      return addresses;
    } finally {
      asked.delete(hostname);
    }
  };

  const fresh = (hostname: string): readonly string[] | undefined => {
    const entry = known.get(hostname);
    return entry && monotonic() < entry.untilMs ? entry.addresses : undefined;
  };

  return {
    known: fresh,
    async addresses(hostname) {
      const addresses = fresh(hostname);
      if (addresses) return addresses;
      let pending = asked.get(hostname);
      if (!pending) {
        pending = ask(hostname);
        asked.set(hostname, pending);
      }
      return pending;
    },
    demote(hostname, address) {
      const entry = known.get(hostname);
      if (!entry?.addresses.includes(address)) return;
      const others = entry.addresses.filter((other) => other !== address);
      known.set(hostname, { addresses: [...others, address], untilMs: entry.untilMs });
    },
  };
}

const family = (address: string): number => (address.includes(":") ? 6 : 4);

async function systemResolve(hostname: string): Promise<string[]> {
  if (isLocalName(hostname)) return ["127.0.0.1", "::1"];
  const found = await lookup(hostname, { all: true });
  return found.map((entry) => entry.address);
}
