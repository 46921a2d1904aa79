// What a request is answered with: the configuration it began with, and what outlives configurations.
import type { Access } from "../access/authenticate.ts";
import type { CallerDirectory } from "../access/directory.ts";
import type { Rechecks } from "../access/rechecks.ts";
import type { AnswerCache } from "../cache/cache.ts";
import type { Config } from "../config/config.ts";
import type { Egress } from "../egress.ts";
import type { SocketEgress } from "../egress/socket.ts";
import type { Logger } from "../lib/log.ts";
import type { Router } from "../routing/router.ts";
import type { Store } from "../store/store.ts";
import type { Alerts } from "./alerts.ts";
import type { BodyRecorder } from "./body-recorder.ts";
import type { Conversations } from "./conversations.ts";
import type { Idempotency } from "./idempotency.ts";
import type { KeySpends } from "./key-spend.ts";
import type { Owners } from "./objects.ts";
import type { Shadows } from "./shadow.ts";
import type { Traffic } from "./traffic.ts";
import type { Vault } from "./vault.ts";

/** What one configuration gives a request. A reload makes a new one; a request keeps the one it began with. */
export interface Generation {
  config: Config;
  access: Access;
  router: Router;
}

/** How long clients are waited for, when a stream starts, and what keeps it alive. */
export interface Pacing {
  /** Patience with a request body that comes too slowly, ms. */
  bodyMs: number;
  /** How long the start of a stream is held back for its first content, ms. */
  holdMs: number;
  /** Silence on a stream after which something is written so that nobody on the way hangs up, ms. */
  keepAliveMs: number;
  /** A stream whose upstream has not even answered by then is opened anyway, so that keep-alives can flow, ms. */
  openEarlyMs: number;
  /** A reader that takes nothing for so long is gone, whatever its connection says, ms. */
  frozenMs: number;
  /** How long an answer is read on whose client has left, where its provider bills for all of it, ms. */
  drainMs: number;
  /** How often it is looked whether the keys of running requests still hold, ms. */
  recheckMs: number;
}

/** What outlives configurations. */
export interface Services {
  store: Store;
  vault: Vault;
  conversations: Conversations;
  idempotency: Idempotency;
  cache: AnswerCache;
  traffic: Traffic;
  /** Who the keys of the directory belong to, and what they may spend. */
  callers: CallerDirectory;
  /** Keeps what routes and keys want kept. */
  bodies: BodyRecorder;
  keySpends: KeySpends;
  /** Ends what runs for a key that is taken away. */
  rechecks: Rechecks;
  alerts: Alerts;
  owners: Owners;
  shadows: Shadows;
  egress: Egress;
  sockets: SocketEgress;
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
  /** Ids of the requests being answered now. */
  inFlight: Set<string>;
  /** Aborted when the daemon begins to stop: what would go on for good is to end. */
  draining: AbortSignal;
  /** Aborted with the reason when the daemon gives up on requests that outlast its drain. */
  shutdown: AbortSignal;
  pacing: Pacing;
}

export const defaultPacing: Pacing = {
  bodyMs: 30_000,
  holdMs: 2_000,
  keepAliveMs: 10_000,
  openEarlyMs: 12_000,
  frozenMs: 600_000,
  drainMs: 60_000,
  // What another gateway changed is known here up to a second later: within 5 s all is over.
  recheckMs: 3_000,
};
