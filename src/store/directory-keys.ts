// Virtual keys in the directory: found by their hash, and rotated.
import { GatewayError } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import {
  type Collection,
  createCollection,
  entry,
  type Expecting,
  type Given,
  given,
} from "./directory-collection.ts";
import { keyKind } from "./directory-kinds.ts";
import { isId } from "./directory-list.ts";
import type { Removal } from "./directory-removal.ts";
import { ownedScope } from "./directory-scope.ts";
import type { KeyFields, KeyQuery, VirtualKey } from "./directory-types.ts";
import type { Driver } from "./driver.ts";
import { type Journal, reading, updating } from "./journal.ts";

export interface HashedKey {
  /** The keyed hash of the key, never the key. */
  readonly hash: string;
  readonly last4: string;
}

export type KeyCreate = Given<KeyFields, "name" | "kind"> & HashedKey;
export type KeyUpdate = Partial<Omit<KeyFields, "kind">>;

/** A key as it is found by its hash. */
export interface FoundKey {
  readonly key: VirtualKey;
  readonly hash: string;
  readonly previousHash: string | null;
}

export interface Keys extends Collection<VirtualKey, KeyCreate, KeyUpdate, KeyQuery> {
  /** The key that has or had this hash; whether it still works is the caller's question. */
  byHash(hash: string): Promise<FoundKey | null>;
  /** Another secret for the same key; the old one works for `graceMs` more. */
  rotate(id: string, next: HashedKey & { graceMs: number }, by: Expecting): Promise<VirtualKey>;
}

interface Parts {
  readonly driver: Driver;
  readonly journal: Journal;
  /** What must hold of a key. */
  check(key: VirtualKey): Promise<void>;
  readonly removal: Removal["key"];
}

export function createKeys({ driver, journal, check, removal }: Parts): Keys {
  const { db } = driver;
  const keys = createCollection<VirtualKey, "virtual_key", KeyCreate, KeyUpdate, KeyQuery>(
    driver,
    journal,
    {
      kind: keyKind,
      whole: ({ hash: _hash, ...fields }, stamp) => ({
        organizationId: null,
        teamId: null,
        userId: null,
        expiresMs: null,
        blocked: false,
        models: null,
        operations: null,
        aliases: {},
        metadata: {},
        tags: [],
        allowedIps: null,
        defaults: {},
        ...given(fields),
        ...stamp,
        previousUntilMs: null,
      }),
      hidden: ({ hash }) => ({ key_hash: hash }),
      check,
      filter: (query) => ({
        organization_id: query.organizationId,
        team_id: query.teamId,
        user_id: query.userId,
        name: query.name,
        kind: query.kind,
        blocked: query.blocked === undefined ? undefined : query.blocked ? 1 : 0,
      }),
      scope: ownedScope,
      removal,
    },
  );

  return {
    ...keys,

    byHash: (hash) =>
      reading(driver, async () => {
        const row = await db
          .selectFrom("virtual_key")
          .selectAll()
          .where((eb) => eb.or([eb("key_hash", "=", hash), eb("previous_hash", "=", hash)]))
          .executeTakeFirst();
        if (!row) return null;
        return { key: keyKind.decode(row), hash: row.key_hash, previousHash: row.previous_hash };
      }),
    rotate: (id, { hash, last4, graceMs }, by) =>
      journal.commit(async () => {
        const row = isId("key", id)
          ? await db.selectFrom("virtual_key").selectAll().where("id", "=", id).executeTakeFirst()
          : undefined;
        if (!row) throw new GatewayError("not_found", "There is no key with this id.");
        const before = keyKind.decode(row);
        if (by.version !== undefined && by.version !== before.version) {
          throw new GatewayError(
            "precondition_failed",
            `The key was changed by somebody else: it has version ${before.version} now, not ${by.version}.`,
          );
        }
        const atMs = Math.trunc(now());
        const previousUntilMs = graceMs > 0 ? atMs + Math.trunc(graceMs) : null;
        const stamp = { updatedMs: atMs, version: before.version + 1 };
        const after: VirtualKey = { ...before, ...stamp, last4, previousUntilMs };
        const statement = updating(driver, "virtual_key", {
          id,
          updated_ms: atMs,
          version: stamp.version,
          last4,
          key_hash: hash,
          previous_hash: previousUntilMs === null ? null : row.key_hash,
          previous_until_ms: previousUntilMs,
        });
        const sides = { before, after, statements: [statement] };
        return { changes: [entry("key", "rotate", by, sides)], result: after };
      }),
  };
}
