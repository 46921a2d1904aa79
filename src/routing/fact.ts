// What routing decides of a request, and why: told as it happens to whoever wants to explain it.
import type { ScorePart } from "./complexity/score.ts";
import type { AutoDecision, RequestFacts } from "./policy.ts";

/** A deployment is named as statistics name it (`openai/gpt-4o`), or with its key (`openai/gpt-4o#default`). */
export type RoutingFact =
  /** What a model's name stands for. */
  | { type: "resolved"; name: string; as: NameKind; to: string }
  /** A policy ordered a route's deployments. */
  | { type: "ordered"; route: string; policy: string; turn: number; request?: RequestFacts }
  /** How a policy judged one of them. */
  | { type: "judged"; route: string; deployment: string; judgement: Judgement }
  /** How hard the request looks, and which of its features say so. */
  | { type: "difficulty"; score: number; tier: string; parts: readonly ScorePart[] }
  /** What `auto` decided for a route. */
  | { type: "decided"; route: string; decision: AutoDecision }
  | { type: "excluded"; deployment: string; why: string }
  /** It goes before those that the policy put before it. */
  | { type: "preferred"; deployment: string; why: string }
  /** Anything else that bears on the order. */
  | { type: "noted"; why: string };

export type NameKind = "route" | "wildcard route" | "provider/model" | "bare model name";

export interface Judgement {
  /** Higher is better, within one policy. */
  score?: number;
  /** What the score is made of, or was decided by. */
  parts?: Readonly<Record<string, number>>;
  why: string;
}

/** Told of every decision; absent where nobody asks. */
export type Observer = (fact: RoutingFact) => void;

/** Tells which of `before` are no longer in `after`. */
export function tellExcluded<C>(
  note: Observer | undefined,
  [before, after]: readonly [readonly C[], readonly C[]],
  told: { idOf: (each: C) => string; why: (each: C) => string },
): void {
  if (!note || before.length === after.length) return;
  for (const each of before) {
    if (after.includes(each)) continue;
    note({ type: "excluded", deployment: told.idOf(each), why: told.why(each) });
  }
}
