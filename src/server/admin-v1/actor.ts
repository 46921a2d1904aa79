// Who calls the administration API: the admin key, or a key of the directory that stands for its user.
import { createHash, timingSafeEqual } from "node:crypto";
import { presentedKey } from "../../access/authenticate.ts";
import type { Caller, CallerDirectory } from "../../access/directory.ts";
import type { Actor } from "../../access/permissions.ts";
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import type { Secret } from "../../lib/secret.ts";

/** The operation that a key must be given by name to act for its user here. */
export const adminOperation = "admin";

export interface ActorSource {
  adminKey(): Secret;
  readonly callers: CallerDirectory;
  /** Of the peer, where it is known. */
  address(request: Request): string | null;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** @throws GatewayError `unauthenticated`, `forbidden`, `unavailable` */
export async function actorOf(request: Request, source: ActorSource): Promise<Actor> {
  const presented = presentedKey(request.headers);
  if (presented === null) {
    throw new GatewayError(
      "unauthenticated",
      "The administration API needs the admin key, or a key that may administer, as `Authorization: Bearer <key>`.",
    );
  }
  if (timingSafeEqual(digest(presented), digest(source.adminKey().reveal()))) {
    return { kind: "gateway", name: "admin" };
  }
  const from = { address: source.address(request), nowMs: now() };
  const caller = await source.callers.lookup(presented, from);
  if (caller instanceof GatewayError) throw caller;
  if (caller) return actorBy(caller);
  throw new GatewayError("unauthenticated", "The key is not known here.");
}

/** A key stands for its user only where it was given that on purpose: most keys lie about in programs. */
function actorBy({ key, user, memberships }: Caller): Actor {
  const administers = key.operations?.includes(adminOperation) === true;
  if (!user || key.kind !== "user" || !administers) return { kind: "key", keyId: key.id };
  const gatewayAdmin = user.gatewayRole === "admin";
  return { kind: "user", userId: user.id, keyId: key.id, gatewayAdmin, memberships };
}
