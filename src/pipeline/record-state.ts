// What is known of one request so far, and what follows from it: who answers, how long upstreams took, what it costs.
import type { FinishReason, Operation } from "../ir/chat.ts";
import type { Usage } from "../ir/usage.ts";
import type { Warning } from "../ir/warning.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Given } from "../routing/experiment.ts";
import type { UsageRow } from "../store/store.ts";
import type { Account, Content } from "./account.ts";

/** Most warnings kept of a request. */
export const maxWarnings = 100;

/** Whose key it is, by their ids. */
export type Belonging = Pick<UsageRow, "keyId" | "userId" | "teamId" | "organizationId" | "tags">;

/** What a request turned out to ask for. */
export interface Identified {
  /** As the client wrote it. */
  model: string;
  operation: Operation;
  stream: boolean;
  content?: Content;
}

/** What is told of the answer cache. */
export type CacheTold =
  | { status: "off" }
  | { status: "miss" | "refresh"; key: string }
  /** An answer that was made for another request, and what it cost that. */
  | {
      status: "hit";
      key: string;
      provider: string | null;
      model: string | null;
      ageMs: number;
      saved: Nanos | null;
    };

/** A request that was answered. */
export interface AnswerFacts {
  candidate: Candidate;
  /** Another one went on where this one broke off. */
  isContinued: boolean;
  warnings: number;
  /** As its provider told them, where its answer was read. */
  ends: readonly FinishReason[];
  usage: Usage | null;
  cost: Nanos | null;
}

export interface RecordState {
  readonly requestId: string;
  readonly atMs: number;
  /** Monotonic time of arrival, ms. */
  readonly startedAt: number;
  /** One for each attempt, in their order. */
  readonly accounts: Account[];
  /** Of the request itself, whoever answers it. */
  readonly warnings: Warning[];
  /** What guardrails found: for the operator alone. */
  readonly findings: Warning[];
  inbound: Identified | null;
  key: string | null;
  belonging: Belonging;
  /** Used without any attempt. */
  own: Usage | undefined;
  /** The request whose answer this one's is. */
  replayOf: string | null;
  cached: CacheTold | null;
  guardrails: readonly string[];
  given: Given | null;
  /** Whose answer the client gets; where it broke off and was gone on with, who did that. */
  chosen: Account | null;
  /** Whose first word the client had. */
  beginner: Account | null;
  /** The cost is known, or known to be unknown. */
  isPriced: boolean;
  isAnswered: boolean;
}

const nobodys: Belonging = {
  keyId: null,
  userId: null,
  teamId: null,
  organizationId: null,
  tags: [],
};

export const createState = (
  begun: Pick<RecordState, "requestId" | "atMs" | "startedAt">,
): RecordState => ({
  ...begun,
  accounts: [],
  warnings: [],
  findings: [],
  inbound: null,
  key: null,
  belonging: nobodys,
  own: undefined,
  replayOf: null,
  cached: null,
  guardrails: [],
  given: null,
  chosen: null,
  beginner: null,
  isPriced: false,
  isAnswered: false,
});

/** Whose answer it is, or would be. */
export const answering = ({ chosen, accounts }: RecordState): Account | undefined =>
  chosen ?? accounts.at(-1);

/** The request's own warnings, and those of who answers. */
export const told = ({ warnings }: RecordState, account: Account | undefined): Warning[] =>
  [...warnings, ...(account?.warnings ?? [])].slice(0, maxWarnings);

/** Time spent waiting for upstreams, ms: attempts follow each other, but those that race wait at the same time. */
export function waited({ accounts, chosen }: RecordState): number {
  let sum = 0;
  let untilMs = 0;
  // Who began after the answer did has lost a race.
  const counting = chosen ? accounts.slice(0, accounts.indexOf(chosen) + 1) : accounts;
  for (const { beganMs, waitedMs } of counting) {
    const endMs = beganMs + waitedMs;
    sum += Math.max(0, endMs - Math.max(beganMs, untilMs));
    untilMs = Math.max(untilMs, endMs);
  }
  return sum;
}

/** Null where nobody knows. Whatever was used has to be priced for the whole to be known. */
export function costOf({ own, accounts }: RecordState): Nanos | null {
  if (own) return 0n;
  const billed = accounts.filter(({ used, priced, isUncertain }) => used || priced || isUncertain);
  if (billed.length === 0 || billed.some(({ priced }) => !priced)) return null;
  return billed.reduce((sum, { priced }) => sum + (priced?.nanos ?? 0n), 0n);
}

/** What came of a request; null while it is not settled, and where it failed. */
export function answerOf(state: RecordState): AnswerFacts | null {
  const account = answering(state);
  if (!state.isAnswered || !account) return null;
  const { beginner, chosen } = state;
  return {
    candidate: account.candidate,
    isContinued: beginner !== null && beginner !== chosen,
    warnings: told(state, account).length,
    ends: account.ends,
    usage: account.used ?? null,
    cost: costOf(state),
  };
}
