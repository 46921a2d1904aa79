// In front of every attempt: a place at one of the deployments, or a wait for it, or a refusal that says when to come back.
import type { GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import type { Gate, Permit } from "../routing/limits.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Exchange } from "./exchange.ts";

/** In the queue, of a caller whose key says nothing. */
const defaultPriority = 5;
/** Who was sent on by one deployment does not wait behind those that have only come. */
const underWay = Infinity;

/** The caller's own wish can only put its request further back. */
function priorityOf({ request, caller }: Exchange): number {
  const priority = caller.priority ?? defaultPriority;
  const wish = request.headers.get("x-megallm-priority")?.trim() ?? "";
  return /^\d$/.test(wish) ? Math.min(priority, Number(wish)) : priority;
}

export interface Entrance {
  /**
   * Waits until one of the deployments from `at` on has a place, and moves that one there.
   * @returns null where nothing is limited
   * @throws GatewayError `rate_limited`, `unavailable`, or `last`, which says more than that the others were busy
   */
  wait(candidates: Candidate[], at: number, last: GatewayError | undefined): Promise<Permit | null>;
  /** A place at this deployment at once; null where nothing is limited, undefined where there is none. */
  now(candidate: Candidate): Permit | null | undefined;
}

/** Whether the request may have to wait in front of one of them. */
export const mayWait = (
  candidates: readonly Candidate[],
  { generation }: Pick<Exchange, "generation">,
): boolean =>
  generation.config.server.maxConcurrent !== undefined ||
  candidates.some(({ gates }) => gates.length > 0);

/** Where requests wait while the deployments are at their limits. */
export function createEntrance(exchange: Exchange, abortReason: () => GatewayError): Entrance {
  const { generation, services, signal } = exchange;
  const { queue: settings, server } = generation.config;
  const own: Gate[] =
    server.maxConcurrent === undefined
      ? []
      : [{ name: "gateway", limit: server.maxConcurrent, own: true }];
  let leftMs = settings.maxWaitMs;
  const wait: Entrance["wait"] = async (candidates, at, last) => {
    const ways = candidates.slice(at).map(({ gates }) => [...own, ...gates]);
    if (ways.every((gates) => gates.length === 0)) return null;
    const began = monotonic();
    try {
      const { way, permit } = await services.traffic.gates.enter(ways, {
        priority: last ? underWay : priorityOf(exchange),
        maxWaitMs: leftMs,
        maxWaiting: settings.max,
        signal,
      });
      candidates.splice(at, 0, ...candidates.splice(at + way, 1));
      return permit;
    } catch (thrown) {
      // What a deployment answered says more than that the others were busy.
      throw signal.aborted ? abortReason() : (last ?? thrown);
    } finally {
      leftMs = Math.max(0, leftMs - (monotonic() - began));
    }
  };
  return {
    wait,
    now({ gates }) {
      const all = [...own, ...gates];
      return all.length === 0 ? null : (services.traffic.gates.tryEnter(all) ?? undefined);
    },
  };
}
