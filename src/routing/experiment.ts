// Which requests are part of an experiment, and which arm each of them was given.
import type { Candidate } from "./candidate.ts";

/** The arm that a candidate belongs to. */
export interface ArmStanding {
  experiment: string;
  arm: string;
  /** The arm that was drawn for this request. */
  drawn: string;
  /** All arms that take requests. */
  all: readonly string[];
}

/** An arm of an experiment, as a request was given it. */
export interface Given {
  experiment: string;
  arm: string;
}

/**
 * The arm that the request was given. Null where it is in no experiment, and where not every arm could have answered
 * it: what one arm is spared would make it look better.
 */
export function givenIn(candidates: readonly Pick<Candidate, "standsFor">[]): Given | null {
  const first = candidates[0]?.standsFor;
  if (!first || first.arm !== first.drawn) return null;
  const { experiment, arm } = first;
  const isOpen = (name: string): boolean =>
    candidates.some(
      ({ standsFor }) => standsFor?.experiment === experiment && standsFor.arm === name,
    );
  return first.all.every(isOpen) ? { experiment, arm } : null;
}
