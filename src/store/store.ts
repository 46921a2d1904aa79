// The store: one ledger of requests and attempts, written in groups, read by page.
import type { DialectId, Operation } from "../ir/chat.ts";
import type { Warning } from "../ir/warning.ts";
import type { Logger } from "../lib/log.ts";
import type { Nanos } from "../lib/money.ts";
import type { Accounts, Charges } from "./accounts.ts";
import type { AlertBook } from "./alerts.ts";
import type { Secret } from "../lib/secret.ts";
import type { ArmOutcome, Experiments } from "./experiments.ts";
import type { Audit } from "./audit.ts";
import type { Bodies } from "./bodies.ts";
import type { CachedAnswers } from "./cached-answers.ts";
import type { Scope } from "./directory-types.ts";
import type { Directory } from "./directory.ts";
import type { Driver } from "./driver.ts";
import type { Items } from "./items.ts";
import { createStore } from "./ledger.ts";
import type { Limits } from "./limits.ts";
import type { LedgerCheck } from "./ledger-check.ts";
import type { Retention } from "./retention.ts";
import type { SubjectData } from "./subject-data.ts";
import type { ShadowLink, Shadows } from "./shadows.ts";
import type { Rollups } from "./rollups.ts";
import type { Spending } from "./spending.ts";
import { openSqlite } from "./sqlite/open.ts";
import type { Dimensions } from "./usage-facts.ts";

export { StoreError } from "./error.ts";
export { acquireLock, isLocked } from "./lock.ts";

/** A request that has begun; replaced by its usage row when it ends. */
export interface RequestStart {
  requestId: string;
  /** Wall clock at arrival, ms since the epoch. */
  atMs: number;
  /** Name of the virtual key, null when none was asked for. */
  key: string | null;
  dialect: DialectId;
  operation: Operation;
  /** Model name as the client asked for it. */
  route: string | null;
  stream: boolean;
}

/** `interrupted`: the process died before the request ended; what it used is not known. */
export type RequestStatus = "ok" | "error" | "client_closed" | "interrupted";

/** Tokens by kind; `inputTokens` includes the cached ones once, `outputTokens` the reasoning. */
export interface TokenCounts {
  inputTokens: number;
  cacheReadTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  inputAudioTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  outputAudioTokens: number;
}

/** One finished request, one row. Texts are cut at 512 characters, warnings at 4 KB. */
export interface UsageRow extends TokenCounts {
  requestId: string;
  /** Wall clock at arrival, ms since the epoch. */
  atMs: number;
  key: string | null;
  /** End user as the client named it. */
  user: string | null;
  /** Model name as the client asked for it. */
  route: string | null;
  provider: string | null;
  /** Model name as the provider knows it. */
  model: string | null;
  inboundDialect: DialectId;
  outboundDialect: DialectId | null;
  operation: Operation;
  /** The body was passed on byte for byte. */
  relayed: boolean;
  stream: boolean;
  status: RequestStatus;
  httpStatus: number | null;
  errorCode: string | null;
  /** The gateway counted because the provider did not say. */
  usageEstimated: boolean;
  /** Nano-dollars; null when the price is unknown, which is not 0. */
  costNanos: Nanos | null;
  priceSource: string | null;
  /** What an answer out of the cache cost the request that it was made for; absent: it is none, or nobody knows. */
  savedNanos?: Nanos;
  /** Null when interrupted. */
  durationMs: number | null;
  firstTokenMs: number | null;
  /** Time not spent waiting for upstreams. */
  overheadMs: number | null;
  warnings: readonly Warning[];
  attempts: number;
  /** Ids in the directory; null where there is none. */
  keyId: string | null;
  userId: string | null;
  teamId: string | null;
  organizationId: string | null;
  /** The first 64, cut at 128 characters each. */
  tags: readonly string[];
  /** Its part in an experiment. Written with the row, read by {@link Store.experiments}. */
  experiment?: ArmOutcome;
  /** What it is a shadow of. Written with the row, read by {@link Store.shadows}. */
  shadow?: ShadowLink;
}

/** One call of a provider, with what it used at its own price: the usage row holds the sums. No tokens: nothing is known to have been billed. */
export interface AttemptRow extends Partial<TokenCounts> {
  requestId: string;
  /** Position within the request, from 0. */
  index: number;
  provider: string;
  model: string;
  /** Name of the provider key that was used. */
  keyName: string | null;
  startedAtMs: number;
  durationMs: number;
  firstByteMs: number | null;
  status: Exclude<RequestStatus, "interrupted">;
  httpStatus: number | null;
  errorCode: string | null;
  upstreamRequestId: string | null;
  costNanos?: Nanos | null;
}

export interface UsageQuery {
  /** `day` is the UTC day, `route` the model name as asked, `model` the upstream's. */
  by: UsageGrouping;
  /** Only what has these properties; null: none. */
  where?: UsageFilter & PeopleFilter;
  /** Only what this scope lets be seen. */
  scope?: UsageScope;
  /** From this arrival time on (inclusive). */
  sinceMs?: number;
  /** Up to this arrival time (exclusive). */
  untilMs?: number;
  /** Most groups returned; default 1,000, at most 10,000. */
  limit?: number;
}

/**
 * `hour` is the UTC hour, or the day where only days are left. `key` is its name, `key_id` its id. `end_user` and
 * `tag` are only in the rows, and a request counts at each of its tags.
 */
export type UsageGrouping =
  | "model"
  | "provider"
  | "day"
  | "hour"
  | "key"
  | "key_id"
  | "route"
  | "status"
  | "organization"
  | "team"
  | "user"
  | "end_user"
  | "tag";

export type UsageFilter = Partial<Dimensions>;

/** What is only in the rows. */
export interface PeopleFilter {
  endUser?: string;
  tag?: string;
}

/** Whose usage may be seen: what belongs to one of these. */
export interface UsageScope extends Scope {
  readonly keyId?: string;
}

/**
 * Sums of one group. A null group: the requests without that property. A request counts once, at the provider and
 * model of its row; what its attempts used and cost counts at the ones that billed it.
 */
export interface UsageGroup extends TokenCounts {
  group: string | null;
  requests: number;
  /** Calls of providers. */
  attempts: number;
  /** Requests with status `error` or `interrupted`. */
  errors: number;
  /** Sum of what is known. */
  costNanos: Nanos;
  /** Requests that used tokens (or were interrupted) and whose cost is not known in full. */
  unpriced: number;
  /** Requests whose tokens the gateway counted itself. */
  estimated: number;
  /** Over requests with a known duration, null without any. Percentiles are within 5 %. */
  durationMs: { mean: number; p50: number; p95: number } | null;
}

export interface RequestsQuery {
  sinceMs?: number;
  untilMs?: number;
  /** Only what has these properties; a page may be short and yet have a next. */
  where?: UsageFilter & PeopleFilter;
  scope?: UsageScope;
  /** Rows on a page; default 50, at most 1,000. */
  limit?: number;
  /** `next` of the page before. */
  cursor?: string;
}

export interface RequestsPage {
  /** Newest arrival first. */
  rows: UsageRow[];
  /** Cursor of the next page, null on the last one. */
  next: string | null;
}

/** `duplicate`: a row with this request id was there already and stands; nothing was written. */
export type SettleOutcome = "committed" | "duplicate";

/** The ledger of one gateway. Methods reject with StoreError. */
export interface Store {
  /** Notes that a request has begun. Written with the next group; a request that ends before that needs no note. */
  begin(start: RequestStart): void;
  /**
   * Writes the usage row and its attempts and takes the note of {@link Store.begin} away, all in one
   * transaction with whatever else is waiting; resolves when it is committed.
   * @throws StoreError `store_unavailable`: not committed yet; the rows wait in a bounded queue and are
   * written when the store heals. `invalid_row`: refused for good.
   *
   * The accounts of the request's budgets are charged and its holds given back in the same transaction, too.
   * A request that holds something and says nothing of charges is charged what it holds, as `unresolved`.
   */
  settle(row: UsageRow, attempts: readonly AttemptRow[], charges?: Charges): Promise<SettleOutcome>;
  /**
   * Turns what a crashed process left begun into rows with status `interrupted`. Returns how many. Where
   * several gateways share a database it goes on looking for those that die, until the store is closed.
   */
  recover(): Promise<number>;
  /** Sums by group: days ascending, else the dearest first. Reads in slices, other work goes on in between. */
  usage(query: UsageQuery): Promise<UsageGroup[]>;
  requests(query: RequestsQuery): Promise<RequestsPage>;
  request(requestId: string): Promise<{ usage: UsageRow; attempts: AttemptRow[] } | null>;
  /** What budgets have spent and hold. */
  readonly accounts: Accounts;
  /** What rate limits have counted. */
  readonly limits: Limits;
  /** The accounts of budgets, by budget. */
  readonly spending: Spending;
  /** What was told of budgets. */
  readonly alerts: AlertBook;
  /** What is kept besides the ledger. */
  readonly items: Items;
  /** Who may use the gateway, and how much. */
  readonly directory: Directory;
  /** What was changed, by whom. */
  readonly audit: Audit;
  readonly experiments: Experiments;
  readonly shadows: Shadows;
  /** Sums that outlive the rows. */
  readonly rollups: Rollups;
  /** What requests and answers held, where somebody asked for it. */
  readonly bodies: Bodies;
  /** Answers that may be given again. */
  readonly cachedAnswers: CachedAnswers;
  /** What is kept about one person. */
  readonly subjectData: SubjectData;
  /** Deletes what is old. */
  readonly retention: Retention;
  /** Whether rows and sums say the same. */
  readonly check: LedgerCheck;
  /** Usage rows on record. */
  count(): Promise<number>;
  /** False while commits fail. */
  writable(): Promise<boolean>;
  health(): StoreHealth;
  /** Resolves when everything given so far is committed. @throws StoreError `store_unavailable` */
  flush(): Promise<void>;
  /** Commits what waits, as far as the disk lets it, and closes. Never rejects: rows that are lost are logged. */
  close(): Promise<void>;
}

export interface StoreHealth {
  /** Null when the last commit went well. */
  failing: { sinceMs: number; message: string } | null;
  /** Requests waiting to be committed. */
  queued: number;
  /** Requests whose rows were dropped because the queue was full. */
  dropped: number;
  /** Transactions committed since the store was opened. */
  commits: number;
}

/** Where the ledger is. */
export type StoreLocation =
  /** The SQLite file, or `:memory:`. Its folder is made when missing (0700), the file is 0600. */
  | { readonly path: string }
  /** A PostgreSQL database: `postgres://user:password@host/database`. */
  | { readonly url: Secret };

export interface StoreOptions {
  log?: Logger;
  /** For looking only: nothing is created or migrated, no lock is needed beside a running daemon. */
  readOnly?: boolean;
  /**
   * SQLite: what an acknowledged row survives. `normal` (default): the death of the process, `kill -9` included,
   * but not always the loss of power. `full`: that too, at the price of a disk flush per group.
   */
  durable?: "normal" | "full";
  /** How long a settle waits for a store that refuses, before it rejects. Default 2,000. */
  settleTimeoutMs?: number;
  /** Requests kept in memory while the store refuses. Default 50,000. */
  maxQueued?: number;
  /** PostgreSQL: after so long without a sign of life another gateway is gone, ms. Default 15,000. */
  leaseMs?: number;
}

export type OpenStoreOptions = StoreLocation & StoreOptions;

/**
 * Opens the ledger, creating or migrating it as needed.
 * @throws StoreError when it is damaged, newer than this version, or cannot be opened; never starts an
 * empty one in the place of a damaged one.
 * @example const store = await openStore({ path: join(dataDir, "megallm.db"), log });
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  return createStore(await openDriver(options), options);
}

async function openDriver(options: OpenStoreOptions): Promise<Driver> {
  if (!("url" in options)) return openSqlite(options);
  // Most gateways have a file, and none of them starts later for the client of a database server.
  const { openPostgres } = await import("./postgres/open.ts");
  return openPostgres(options);
}
