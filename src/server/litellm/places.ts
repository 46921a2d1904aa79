// Finding, and where LiteLLM does so making, the users, teams and organizations that a request names.
import { z } from "zod";
import { createHash } from "node:crypto";
import { GatewayError } from "../../ir/error.ts";
import { type Action, scopeOf } from "../../access/permissions.ts";
import { forbidden } from "../admin-v1/authorize.ts";
import { parse } from "../admin-v1/resource.ts";
import { bindName, checkName, idOf, type Named } from "./names.ts";
import { defaultOrganization } from "./organization-name.ts";
import type { Scene } from "./route.ts";

const made = z.looseObject({ id: z.string() });

/** The id of what a route of the administration API made. */
export const madeId = (answer: unknown): string => parse(made, answer).id;

/** The id of what is called so and may be seen; the same for what is not there. @throws GatewayError `not_found` */
export async function findNamed(scene: Scene, kind: Named, name: string): Promise<string> {
  const missing = new GatewayError("not_found", `There is no ${kind} \`${name.slice(0, 100)}\`.`, {
    param: `${kind}_id`,
  });
  const id = await idOf(scene.services.store, kind, name);
  if (id === null) throw missing;
  try {
    await scene.perform("GET", `/${kind}s/{id}`, { id });
  } catch (error) {
    throw error instanceof GatewayError && error.code === "not_found" ? missing : error;
  }
  return id;
}

/** Before anything is said of what is there. @throws GatewayError `forbidden` for whoever may nowhere do this */
export function requireSomewhere({ actor }: Scene, action: Action): void {
  if (scopeOf(actor, action) === null) throw forbidden(action);
}

/** Addresses of users that were made without one. `invalid` is nobody's domain (RFC 2606). */
const noAddress = "@litellm.invalid";

export const isMadeUp = (email: string): boolean => email.endsWith(noAddress);

/** The same name has the same address, so that what broke off half-way can be done again. */
function addressFor(name: string): string {
  if (/^[^\s@]+@[^\s@]+$/.test(name)) return name;
  const word = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .slice(0, 60);
  return `${word}-${createHash("sha256").update(name).digest("hex").slice(0, 12)}${noAddress}`;
}

export interface NewUser {
  readonly name?: string | null;
  readonly email?: string | null;
  readonly alias?: string | null;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Makes a user that is called so by LiteLLM's clients. @throws GatewayError */
export async function makeUser(
  scene: Scene,
  { name, email, alias, fields }: NewUser,
): Promise<string> {
  const { store } = scene.services;
  if (name) {
    checkName(name, "user_id");
    if ((await idOf(store, "user", name)) !== null) {
      throw new GatewayError("conflict", `There is a user \`${name}\` already.`, {
        param: "user_id",
      });
    }
  }
  const address = email ?? addressFor(name ?? crypto.randomUUID());
  const body = { email: address, name: alias ?? name ?? address, ...fields };
  const id = madeId(await scene.perform("POST", "/users", { body }));
  if (name) await bound(scene, "user", { name, id });
  return id;
}

/** The name is the resource's, or the resource is gone again. */
export async function bound(
  scene: Scene,
  kind: Named,
  named: { name: string; id: string },
): Promise<void> {
  try {
    await bindName(scene.services.store, kind, named);
  } catch (error) {
    await scene.perform("DELETE", `/${kind}s/{id}`, { id: named.id });
    throw error;
  }
}

/** A user that a request names; one that is not there is made, as LiteLLM does. @throws GatewayError */
export async function userNamed(
  scene: Scene,
  { user_id: name, user_email: email }: { user_id?: string | null; user_email?: string | null },
): Promise<string> {
  const known = name ?? email;
  if (!known) {
    throw new GatewayError("invalid_request", "Either `user_id` or `user_email` is needed.", {
      param: "user_id",
    });
  }
  const { store } = scene.services;
  const found = await idOf(store, "user", known);
  if (found !== null) return found;
  try {
    return await makeUser(scene, { name, email });
  } catch (error) {
    // Somebody else was faster, or stopped half-way: the user is there, perhaps without its name.
    const theirs = await idOf(store, "user", known);
    if (theirs !== null) return theirs;
    const { rows } = await store.directory.users.list({ email: addressFor(known), limit: 1 });
    const [user] = rows;
    if (!user || !isMadeUp(user.email)) throw error;
    await bindName(store, "user", { name: known, id: user.id }).catch((failure: unknown) => {
      if (!(failure instanceof GatewayError && failure.code === "conflict")) throw failure;
    });
    return user.id;
  }
}

/** Of what names none: the only one that the actor is a member of, or one for all such. @throws GatewayError */
export async function organizationFor(
  scene: Scene,
  name: string | null | undefined,
): Promise<string> {
  if (name) return findNamed(scene, "organization", name);
  const { actor } = scene;
  if (actor.kind === "user" && !actor.gatewayAdmin) {
    const own = new Set(actor.memberships.map(({ organizationId }) => organizationId));
    const [only] = own;
    if (only !== undefined && own.size === 1) return only;
    throw new GatewayError("invalid_request", "Say which organization: `organization_id`.", {
      param: "organization_id",
    });
  }
  const known = await idOf(scene.services.store, "organization", defaultOrganization);
  if (known !== null) return known;
  const id = madeId(
    await scene.perform("POST", "/organizations", { body: { name: defaultOrganization } }),
  );
  try {
    await bound(scene, "organization", { name: defaultOrganization, id });
  } catch (error) {
    // Somebody else was faster.
    const theirs = await idOf(scene.services.store, "organization", defaultOrganization);
    if (theirs !== null) return theirs;
    throw error;
  }
  return id;
}
