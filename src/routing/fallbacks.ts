// Who is asked after a failure: whoever is left, or those that stand ready for this kind of failure alone.
import type { FailureKind } from "../ir/error.ts";

/** What decides about a candidate's turn. */
export interface Standing {
  /** The names by which it was reached: the route asked for, then each fallback. */
  readonly via: readonly string[];
  /** For this kind of failure alone, of those that were reached by the same names but the last. */
  readonly fallbackFor?: FailureKind;
  /** A model that the request itself names to be asked next, whatever the failure. */
  readonly takesAll?: boolean;
  /** Kinds of failure that somebody behind it takes. */
  readonly yieldsTo?: readonly FailureKind[];
}

interface Deployed {
  readonly provider: unknown;
  readonly model: string;
  readonly key: unknown;
}

const kinds = ["context_window", "content_policy"] as const satisfies readonly FailureKind[];

/** Those that are asked of themselves, without those that wait for a failure of their kind. */
export function unreserved<C extends Standing>(candidates: readonly C[]): C[] {
  const own = candidates.filter(({ fallbackFor }) => fallbackFor === undefined);
  return own.length > 0 ? own : [...candidates];
}

/**
 * Whom to ask after `failed`: a failure that others of its own kind take goes to them and to nobody else.
 * @param line.queue those that were asked, up to `at`, and those that are left
 * @param line.all all candidates of the request, in their order
 * @example queue.splice(at + 1, queue.length, ...queueAfter(error, failed, { queue, at, all }))
 */
export function queueAfter<C extends Standing & Deployed>(
  { kind }: { readonly kind: FailureKind | undefined },
  failed: C,
  { queue, at, all }: { queue: readonly C[]; at: number; all: readonly C[] },
): C[] {
  const left = queue.slice(at + 1);
  if (kind === undefined) return left;
  const asked = [failed, ...queue.slice(0, at + 1)];
  const isAsked = (each: C): boolean =>
    asked.some(
      ({ provider, model, key }) =>
        provider === each.provider && model === each.model && key === each.key,
    );
  return all.filter((each) => !isAsked(each) && takes(each, failed, kind));
}

/** The candidates, each told which failures of its own others would take. */
export function withYields<C extends Standing>(candidates: readonly C[]): C[] {
  const isPlain = candidates.every(({ fallbackFor, takesAll }) => !fallbackFor && !takesAll);
  if (isPlain) return [...candidates];
  return candidates.map((each) => {
    const yieldsTo = kinds.filter((kind) =>
      candidates.some((other) => other !== each && takes(other, each, kind)),
    );
    return yieldsTo.length > 0 ? { ...each, yieldsTo } : each;
  });
}

function takes(other: Standing, failed: Standing, kind: FailureKind): boolean {
  if (other.takesAll) return other.via[0] !== failed.via[0];
  if (other.fallbackFor !== kind) return false;
  // A list holds for the route that it is written at, and for whatever was reached through that route.
  return other.via.slice(0, -1).every((name, place) => failed.via[place] === name);
}
