// Ids that LiteLLM's callers choose themselves, and the resources of the directory that they stand for.
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import type { Store } from "../../store/store.ts";

/** Kinds that have ids of their callers' choice. */
export type Named = "organization" | "team" | "user";

const prefixes: Readonly<Record<Named, string>> = {
  organization: "org",
  team: "team",
  user: "user",
};

/** Under which a name leads to an id, and an id to its name. */
const byName = (kind: Named): string => `litellm-${kind}`;
const byId = "litellm-name";

const maxName = 200;
// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E\u2066-\u2069]/;

const isOwnId = (kind: Named, text: string): boolean =>
  new RegExp(`^${prefixes[kind]}_[0-9a-f]{32}$`).test(text);

/** @throws GatewayError `invalid_request` */
export function checkName(text: string, param: string): string {
  if (text.trim() === "" || text.length > maxName || unprintable.test(text)) {
    throw new GatewayError(
      "invalid_request",
      `\`${param}\` needs 1 to ${maxName} characters that can be shown.`,
      { param },
    );
  }
  return text;
}

type Shelf = Pick<Store, "items" | "directory">;

const there = async ({ directory }: Shelf, kind: Named, id: string): Promise<boolean> => {
  switch (kind) {
    case "organization":
      return (await directory.organizations.get(id)) !== null;
    case "team":
      return (await directory.teams.get(id)) !== null;
    case "user":
      return (await directory.users.get(id)) !== null;
    default:
      return kind satisfies never;
  }
};

/** The id of what the caller calls so; null where there is nothing. What was deleted meanwhile is not there. */
export async function idOf(store: Shelf, kind: Named, name: string): Promise<string | null> {
  if (isOwnId(kind, name)) return (await there(store, kind, name)) ? name : null;
  if (name === "" || name.length > maxName) return null;
  const [found] = await store.items.get(byName(kind), [name]);
  if (found) return (await there(store, kind, found.value)) ? found.value : null;
  if (kind !== "user" || !name.includes("@") || unprintable.test(name)) return null;
  const { rows } = await store.directory.users.list({ email: name, limit: 1 });
  return rows[0]?.id ?? null;
}

/**
 * Lets the name stand for this resource.
 * @throws GatewayError `conflict` where it stands for another one
 */
export async function bindName(
  store: Shelf,
  kind: Named,
  { name, id }: { name: string; id: string },
): Promise<void> {
  if (isOwnId(kind, name)) {
    if (name === id) return;
    throw new GatewayError("invalid_request", `\`${name}\` looks like an id of the gateway's own.`);
  }
  const item = { key: name, owner: null, value: id, atMs: now(), expiresMs: null };
  const [stale] = await store.items.get(byName(kind), [name]);
  if (stale && !(await there(store, kind, stale.value)))
    await store.items.remove(byName(kind), name);
  if (!(await store.items.claim(byName(kind), item))) {
    throw new GatewayError("conflict", `There is a ${kind} \`${name}\` already.`);
  }
  await store.items.put(byId, [{ ...item, key: id, value: name }]);
}

/** What callers call these; those without a name of their own are called by their id. */
export async function namesOf(
  { items }: Pick<Store, "items">,
  ids: readonly (string | null)[],
): Promise<(id: string | null) => string | null> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  const found = wanted.length === 0 ? [] : await items.get(byId, wanted);
  const names = new Map(found.map(({ key, value }) => [key, value]));
  return (id) => (id === null ? null : (names.get(id) ?? id));
}

/** The name is free again. */
export async function forgetName(
  { items }: Pick<Store, "items">,
  kind: Named,
  id: string,
): Promise<void> {
  const [found] = await items.get(byId, [id]);
  if (!found) return;
  await items.remove(byName(kind), found.value);
  await items.remove(byId, id);
}
