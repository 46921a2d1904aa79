// A conversation stays with the deployment that holds its prompt cache, until it has been idle for a while.
import { monotonic } from "../lib/clock.ts";
import { createRecentMap } from "./recent-map.ts";

export interface AffinitySettings {
  /** A session that was silent for so long is forgotten. Default 10 minutes. */
  idleMs: number;
  /** More sessions than this are not remembered. Default 50,000. */
  maxSessions: number;
}

export const defaultAffinity: AffinitySettings = { idleMs: 600_000, maxSessions: 50_000 };

/** What is remembered of a session. */
export interface Kept {
  deployment: string;
  /** The quality tier that `auto` chose. */
  quality?: number;
}

export interface Affinity {
  /** @param idleMs instead of the general one */
  of(session: string, idleMs?: number): Kept | null;
  /** After a success. */
  keep(session: string, kept: Kept): void;
  forget(session: string): void;
  readonly size: number;
}

export function createAffinity(settings: Partial<AffinitySettings> = {}): Affinity {
  const { idleMs, maxSessions } = { ...defaultAffinity, ...settings };
  const sessions = createRecentMap<Kept & { atMs: number }>(maxSessions);
  return {
    of(session, longestMs = idleMs) {
      const kept = sessions.get(session);
      if (!kept) return null;
      if (monotonic() - kept.atMs <= longestMs) return kept;
      sessions.delete(session);
      return null;
    },
    keep: (session, kept) => sessions.set(session, { ...kept, atMs: monotonic() }),
    forget: (session) => sessions.delete(session),
    get size() {
      return sessions.size;
    },
  };
}

/**
 * The order with the session's deployment first, where it may lead.
 * @param options.mayLead by default only before those of its own priority tier: a session returns to a tier that is back
 */
export function preferKept<C extends { readonly order: number }>(
  ordered: readonly C[],
  kept: Kept | null,
  options: { idOf: (contender: C) => string; mayLead?: (kept: C, first: C) => boolean },
): C[] {
  const { idOf, mayLead = (one, first) => one.order === first.order } = options;
  const [first] = ordered;
  const mine = kept ? ordered.find((each) => idOf(each) === kept.deployment) : undefined;
  if (!mine || !first || !mayLead(mine, first)) return [...ordered];
  return [mine, ...ordered.filter((each) => each !== mine)];
}
