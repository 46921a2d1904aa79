// Callers of the directory: from a presented key to everything that holds for its requests, fast and never stale for long.
import { GatewayError } from "../ir/error.ts";
import { createAddressList } from "../lib/addresses.ts";
import { monotonic } from "../lib/clock.ts";
import { createLru } from "../lib/lru.ts";
import type { Secret } from "../lib/secret.ts";
import type { By, Expecting } from "../store/directory-collection.ts";
import type {
  Budget,
  JsonObject,
  KeyDefaults,
  Membership,
  Organization,
  RateLimit,
  Team,
  User,
  VirtualKey,
} from "../store/directory-types.ts";
import type { KeyCreate } from "../store/directory-keys.ts";
import type { Directory, Rules } from "../store/directory.ts";
import { formatSubject, maxSubjectId, type Subject } from "../store/subject.ts";
import { fits, type Granted } from "./grants.ts";
import { keyNamed } from "./key-named.ts";
import { generateKey, isKey, type KeyHasher, last4, sameHash } from "./key-hash.ts";

/** What is known of a request's caller. */
export interface Caller extends Granted {
  readonly key: VirtualKey;
  readonly user: User | null;
  readonly team: Team | null;
  readonly organization: Organization | null;
  /** Of its user. */
  readonly memberships: readonly Membership[];
  /** Model name as the client writes it → as the gateway knows it. */
  readonly aliases: ReadonlyMap<string, string>;
  /** The key's and its team's. */
  readonly tags: readonly string[];
  /** The organization's, over it the team's, over that the key's. */
  readonly metadata: JsonObject;
  readonly defaults: KeyDefaults;
  /** Gateway, organization, team, user, key, tags: as far as there are any. */
  readonly subjects: readonly Subject[];
}

export interface From {
  /** Of the peer, or what a trusted proxy says of it. */
  readonly address: string | null;
  /** Wall clock, ms. */
  readonly nowMs: number;
}

export interface CallerDirectory {
  /** Null: not a key of the directory. An error is the refusal to answer with. */
  lookup(presented: string, from: From): Promise<Caller | GatewayError | null>;
  /**
   * The caller that a key stands for, without its secret and wherever it comes from: by the key's id, or by a name
   * that no other key has. An error is the refusal that its requests meet. Null: there is no such key.
   * @throws GatewayError `invalid_request` where several keys have the name, `unavailable`
   */
  named(idOrName: string, nowMs: number): Promise<Caller | GatewayError | null>;
  /** For requests that run on: null while the caller, with the key that it presented, is still welcome. */
  recheck(caller: Caller, nowMs: number): Promise<GatewayError | null>;
  /**
   * The budgets and limits of these subjects, and of the model itself, that count for a model by any of
   * its names. A pool that several subjects share is there once.
   * @throws GatewayError `unavailable`
   */
  rules(subjects: readonly Subject[], names: readonly (string | null)[]): Promise<Rules>;
  /** The id of the key that this is or was, whatever its standing; null for what is no key of the directory. */
  idOf(presented: string): Promise<string | null>;
  /** The key itself is given once, here, and is nowhere on record. */
  createKey(fields: Omit<KeyCreate, "hash" | "last4">, by: By): Promise<NewKey>;
  /** @throws StoreError `wrong_secret` when the keys on record were made under another server secret */
  bind(): Promise<void>;
  /** Another secret for the same key; the old one works for `graceMs` more. */
  rotateKey(id: string, graceMs: number, by: Expecting): Promise<NewKey>;
}

export interface NewKey {
  readonly key: VirtualKey;
  readonly secret: Secret;
}

export interface CallerDirectoryOptions {
  readonly directory: Directory;
  readonly hasher: KeyHasher;
  /** Keys kept in memory; as many unknown ones; ten times as many subjects. Default 10,000. */
  readonly maxKept?: number;
  /** How long what is in memory may be behind other gateways, ms. Default 1,000. */
  readonly checkEveryMs?: number;
}

/** While the database does not answer, what is in memory holds for so long, ms. */
const maxBlindMs = 4_000;

interface Kept {
  readonly caller: Caller;
  readonly hash: string;
  readonly previousHash: string | null;
  readonly allows: ((address: string | null) => boolean) | null;
}

export function createCallerDirectory(options: CallerDirectoryOptions): CallerDirectory {
  const { directory, hasher, maxKept = 10_000, checkEveryMs = 1_000 } = options;
  const known = createLru<string, Kept>(maxKept);
  // Guesses push out guesses only.
  const unknown = createLru<string, true>(maxKept);
  const rulesBySubject = createLru<string, Rules>(maxKept * 10);
  /** What each caller's key was known by when it came. */
  const hashes = new WeakMap<Caller, string>();
  /** Grows when anything may have changed: what was read before that is not kept. */
  let generation = 0;
  let version: number | null = null;
  let checkedMs = -Infinity;
  let checking: Promise<void> | null = null;

  const forget = (): void => {
    generation += 1;
    known.clear();
    unknown.clear();
    rulesBySubject.clear();
  };
  directory.onChange(forget);

  const check = async (): Promise<void> => {
    const startedMs = monotonic();
    try {
      const found = await directory.version();
      if (found !== version) {
        if (version !== null) forget();
        version = found;
      }
      checkedMs = startedMs;
    } catch (error) {
      if (startedMs - checkedMs > maxBlindMs) throw error;
    }
  };
  /** Sees to it that memory is fresh enough. Resolves at once most of the time. */
  const fresh = (): Promise<void> | null => {
    if (monotonic() - checkedMs < checkEveryMs) return null;
    checking ??= check().finally(() => {
      checking = null;
    });
    return checking;
  };
  let patience: { of: Promise<void>; wait: Promise<unknown> } | null = null;
  /** The same for what holds when nobody answers: all together wait a moment for a database that hangs, not each. */
  const freshSoon = (): Promise<unknown> | null => {
    const of = fresh();
    if (of === null) return null;
    if (patience?.of !== of) {
      patience = { of, wait: Promise.race([of.catch(() => {}), Bun.sleep(checkEveryMs)]) };
    }
    return patience.wait;
  };

  let binding: Promise<void> | null = null;
  /** No key is made or judged under a secret that is not the database's. */
  const bind = (): Promise<void> => {
    binding ??= directory.bindSecret(hasher.mark).catch((error: unknown) => {
      binding = null;
      throw error;
    });
    return binding;
  };

  const callerFor = async (key: VirtualKey): Promise<Caller> => {
    const [user, team, organization, memberships] = await Promise.all([
      key.userId === null ? null : directory.users.get(key.userId),
      key.teamId === null ? null : directory.teams.get(key.teamId),
      key.organizationId === null ? null : directory.organizations.get(key.organizationId),
      key.userId === null ? [] : membershipsOf(directory, key.userId),
    ]);
    return callerOf(key, { user, team, organization, memberships });
  };

  const compose = async (hash: string): Promise<Kept | null> => {
    const found = await directory.keys.byHash(hash);
    if (!found) return null;
    const { hash: current, key, previousHash } = found;
    return {
      caller: await callerFor(key),
      hash: current,
      previousHash,
      allows: key.allowedIps && createAddressList(key.allowedIps),
    };
  };

  const find = async (hash: string): Promise<Kept | null> => {
    const waiting = fresh();
    if (waiting) await waiting;
    const kept = known.get(hash);
    if (kept) return kept;
    if (unknown.get(hash)) return null;
    const began = generation;
    await bind();
    const read = await compose(hash);
    if (read) hashes.set(read.caller, hash);
    if (began === generation) {
      if (read) known.set(hash, read);
      else unknown.set(hash, true);
    }
    return read;
  };

  const rulesOf = async (subject: Subject): Promise<Rules> => {
    const name = formatSubject(subject);
    const kept = rulesBySubject.get(name);
    if (kept) return kept;
    const began = generation;
    try {
      const read = await directory.rules(subject);
      if (began === generation) rulesBySubject.set(name, read);
      return read;
    } catch (error) {
      throw unavailable(error, "Budgets and limits");
    }
  };

  return {
    bind,
    async lookup(presented, { address, nowMs }) {
      if (!isKey(presented)) return null;
      const hash = hasher.hash(presented);
      try {
        const kept = await find(hash);
        if (!kept) return notKnown();
        const replaced = replacement(kept, hash, nowMs);
        if (replaced) return replaced;
        if (kept.allows && !kept.allows(address)) {
          return new GatewayError("forbidden", "This API key may not be used from this address.");
        }
        return refusal(kept.caller, nowMs) ?? kept.caller;
      } catch (error) {
        return unavailable(error);
      }
    },
    async idOf(presented) {
      if (!isKey(presented)) return null;
      const found = await directory.keys.byHash(hasher.hash(presented));
      return found?.key.id ?? null;
    },
    async named(idOrName, nowMs) {
      try {
        const key = await keyNamed(directory, idOrName);
        if (!key) return null;
        const caller = await callerFor(key);
        return refusal(caller, nowMs) ?? caller;
      } catch (error) {
        throw unavailable(error);
      }
    },
    async recheck(caller, nowMs) {
      const hash = hashes.get(caller) ?? "";
      try {
        const kept = await find(hash);
        if (!kept) return notKnown();
        return replacement(kept, hash, nowMs) ?? refusal(kept.caller, nowMs);
      } catch (error) {
        return unavailable(error);
      }
    },
    async rules(subjects, written) {
      // Rules in memory hold while the database is away: what they have to count is asked for there.
      const waiting = freshSoon();
      if (waiting) await waiting;
      const names = written.filter((name) => name !== null);
      const models = [...new Set(names)].map((id): Subject => ({ kind: "model", id }));
      const found: Rules[] = [];
      for (const subject of [...subjects, ...models]) {
        // What a request calls its user or model may have any length; what is on record has not.
        if (subject.id.length > maxSubjectId) continue;
        const rules = rulesBySubject.get(formatSubject(subject)) ?? (await rulesOf(subject));
        if (rules.budgets.length + rules.limits.length > 0) found.push(rules);
      }
      if (found.length === 0) return noRules;
      const counts = (rule: Budget | RateLimit): boolean =>
        rule.model === null || names.some((name) => fits(rule.model ?? "", name));
      // One rule may be several subjects'.
      const budgets = new Map<string, Budget>();
      const limits = new Map<string, RateLimit>();
      for (const rules of found) {
        for (const budget of rules.budgets) if (counts(budget)) budgets.set(budget.id, budget);
        for (const limit of rules.limits) if (counts(limit)) limits.set(limit.id, limit);
      }
      return { budgets: [...budgets.values()], limits: [...limits.values()] };
    },
    async createKey(fields, by) {
      // Another gateway may have bound the database meanwhile, as long as it held no keys.
      await directory.bindSecret(hasher.mark);
      const secret = generateKey();
      const hashed = { hash: hasher.hash(secret.reveal()), last4: last4(secret) };
      // A team's key is its organization's, too.
      const team =
        fields.teamId && !fields.organizationId ? await directory.teams.get(fields.teamId) : null;
      const place = team ? { organizationId: team.organizationId } : {};
      return { key: await directory.keys.create({ ...fields, ...place, ...hashed }, by), secret };
    },
    async rotateKey(id, graceMs, by) {
      await directory.bindSecret(hasher.mark);
      const secret = generateKey();
      const hashed = { hash: hasher.hash(secret.reveal()), last4: last4(secret) };
      return { key: await directory.keys.rotate(id, { ...hashed, graceMs }, by), secret };
    },
  };
}

/** What most requests have. */
const noRules: Rules = { budgets: [], limits: [] };

/** Memberships of one user that are looked at. */
const maxMemberships = 500;

/** The memberships of a user. */
export async function membershipsOf(
  directory: Directory,
  userId: string,
): Promise<readonly Membership[]> {
  const page = await directory.memberships.list({ userId, limit: maxMemberships });
  return page.rows;
}

interface Belongings {
  readonly user: User | null;
  readonly team: Team | null;
  readonly organization: Organization | null;
  readonly memberships: readonly Membership[];
}

function callerOf(key: VirtualKey, belongings: Belongings): Caller {
  const { user, team, organization } = belongings;
  const tags = [...new Set([...key.tags, ...(team?.tags ?? [])])];
  const subjects: Subject[] = [
    { kind: "gateway", id: "" },
    ...(organization ? [{ kind: "organization", id: organization.id } as const] : []),
    ...(team ? [{ kind: "team", id: team.id } as const] : []),
    ...(user ? [{ kind: "user", id: user.id } as const] : []),
    { kind: "key", id: key.id },
    ...tags.map((id): Subject => ({ kind: "tag", id })),
  ];
  return {
    key,
    ...belongings,
    models: [key, user, team, organization].flatMap((each) => (each?.models ? [each.models] : [])),
    operations: key.operations,
    aliases: new Map(Object.entries(key.aliases)),
    tags,
    metadata: { ...organization?.metadata, ...team?.metadata, ...key.metadata },
    defaults: key.defaults,
    subjects,
  };
}

/** Why a key that is no longer the newest is refused. An index led to it; what counts is the comparison. */
function replacement(
  { caller, hash, previousHash }: Kept,
  presented: string,
  nowMs: number,
): GatewayError | null {
  if (sameHash(hash, presented)) return null;
  if (!previousHash || !sameHash(previousHash, presented)) return notKnown();
  const { previousUntilMs } = caller.key;
  if (previousUntilMs !== null && nowMs < previousUntilMs) return null;
  return new GatewayError(
    "unauthenticated",
    "This API key was replaced by a newer one and no longer works.",
  );
}

/** Why a key that is known is refused. */
function refusal({ key, user, team, organization }: Caller, nowMs: number): GatewayError | null {
  const blocked = (what: string): GatewayError =>
    new GatewayError("forbidden", `${what} is blocked. Ask whoever runs this gateway.`);
  if (key.expiresMs !== null && nowMs >= key.expiresMs) {
    return new GatewayError(
      "unauthenticated",
      `This API key expired on ${new Date(key.expiresMs).toISOString()}.`,
    );
  }
  if (key.blocked) return blocked("This API key");
  if (user?.status === "blocked") return blocked("The user of this API key");
  if (team?.status === "blocked") return blocked("The team of this API key");
  if (organization?.status === "blocked") return blocked("The organization of this API key");
  return null;
}

const notKnown = (): GatewayError =>
  new GatewayError("unauthenticated", "The API key is not known here.");

const unavailable = (cause: unknown, what = "API keys"): GatewayError =>
  cause instanceof GatewayError
    ? cause
    : new GatewayError("unavailable", `${what} cannot be checked right now. Try again soon.`, {
        retryAfterMs: 1_000,
        cause,
      });
