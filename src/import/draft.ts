// What an import makes, whatever it came from: providers, routes, aliases, keys and settings.
import type { Path } from "../lib/json.ts";
import { type Connection, type Connections, createConnections } from "./connections.ts";
import type { Text } from "./text.ts";

export interface DraftDeployment {
  /** Who answers: a provider with a model, or another route. */
  target: { connection: Connection; model: string; key: number | undefined } | { route: string };
  /** As they stand in the file. */
  fields: Record<string, unknown>;
}

export const kinds = ["general", "context_window", "content_policy"] as const;
export type Kind = (typeof kinds)[number];
export type KindLists = Partial<Record<Kind, string[]>>;

export interface DraftRoute {
  policy?: string;
  deployments: DraftDeployment[];
  fallbacks: KindLists;
  /** Further fields, as they stand in the file. */
  fields: Record<string, unknown>;
}

export interface Draft {
  connections: Connections;
  routes: Map<string, DraftRoute>;
  aliases: Map<string, string>;
  keys: Map<string, Text | Record<string, unknown>>;
  defaultFallbacks: KindLists;
  /** Sets a field of a section, and gives its place. */
  set(path: Path, value: unknown): Path;
  /** All of it as it stands in the file, texts still being texts. */
  value(): Record<string, unknown>;
}

/** The order in which people read them. */
const sections = [
  "server",
  "log",
  "admin",
  "keys",
  "providers",
  "models",
  "aliases",
  "default_fallbacks",
  "guardrails",
  "tag_match",
  "unsupported",
  "timeouts",
  "retry",
  "queue",
  "health",
  "affinity",
  "prices",
] as const;

export function createDraft(): Draft {
  const settings = new Map<string, unknown>();
  const draft: Draft = {
    connections: createConnections(),
    routes: new Map(),
    aliases: new Map(),
    keys: new Map(),
    defaultFallbacks: {},
    set(path, value) {
      const [section = "", ...rest] = path.map(String);
      settings.set(section, within(settings.get(section), rest, value));
      return path;
    },
    value() {
      const all = new Map<string, unknown>(settings);
      const whole = (name: string, entries: ReadonlyMap<string, unknown>): void => {
        if (entries.size > 0) all.set(name, Object.fromEntries(entries));
      };
      whole("keys", draft.keys);
      whole("providers", new Map(draft.connections.all().map((each) => [each.name, each.entry()])));
      whole(
        "models",
        new Map([...draft.routes].map(([name, route]) => [name, routeEntry(name, route, draft)])),
      );
      whole("aliases", draft.aliases);
      const fallbacks = kindEntry(draft.defaultFallbacks);
      if (fallbacks) all.set("default_fallbacks", fallbacks);
      const ordered = sections.filter((name) => all.has(name));
      const others = [...all.keys()].filter((name) => !ordered.some((known) => known === name));
      return Object.fromEntries([...ordered, ...others].map((name) => [name, all.get(name)]));
    },
  };
  return draft;
}

function within(value: unknown, path: readonly string[], leaf: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return leaf;
  const entries = new Map(Object.entries((value as object | undefined) ?? {}));
  entries.set(step, within(entries.get(step), rest, leaf));
  return Object.fromEntries(entries);
}

/** An alias where one deployment is all there is. */
function routeEntry(name: string, route: DraftRoute, draft: Draft): unknown {
  const { deployments, fallbacks, policy, fields } = route;
  const written = deployments.map((deployment) => deploymentEntry(deployment));
  const lists = kindEntry(fallbacks);
  const [only] = written;
  const isPlain =
    written.length === 1 && typeof only === "string" && !lists && Object.keys(fields).length === 0;
  // A name that is a route's, too, would lead there.
  if (isPlain && (only === name || !draft.routes.has(only))) return only;
  return {
    ...(policy !== undefined && written.length > 1 && { policy }),
    deployments: written,
    ...(lists !== undefined && { fallbacks: lists }),
    ...fields,
  };
}

function deploymentEntry({ target, fields }: DraftDeployment): string | Record<string, unknown> {
  if ("route" in target) return { route: target.route, ...inOrder(fields, deploymentOrder) };
  const model = `${target.connection.name}/${target.model}`;
  const key = target.key === undefined ? undefined : target.connection.keyName(target.key);
  if (key === undefined && Object.keys(fields).length === 0) return model;
  return { model, ...(key !== undefined && { key }), ...inOrder(fields, deploymentOrder) };
}

const deploymentOrder = ["weight", "order", "tags", "timeouts", "max_concurrent"];

const inOrder = (
  fields: Record<string, unknown>,
  order: readonly string[],
): Record<string, unknown> => {
  const rank = (name: string): number =>
    order.includes(name) ? order.indexOf(name) : order.length;
  return Object.fromEntries(
    Object.entries(fields).toSorted(([one], [other]) => rank(one) - rank(other)),
  );
};

/** A mere list where there is only the general kind. */
function kindEntry(lists: KindLists): string[] | object | undefined {
  const used = kinds.filter((kind) => (lists[kind]?.length ?? 0) > 0);
  if (used.length === 0) return undefined;
  if (used.length === 1 && used[0] === "general") return lists.general;
  return Object.fromEntries(used.map((kind) => [kind, lists[kind]]));
}

/** Where a list of fallbacks will stand. */
export const kindPlace = (base: Path, lists: KindLists, kind: Kind): Path =>
  Array.isArray(kindEntry(lists)) ? base : [...base, kind];

/** A name that a route may have: spaces and further stars are replaced. */
export const routeName = (name: string): string =>
  name
    .trim()
    .replaceAll(/[\s\p{Cc}]+/gu, "-")
    .replaceAll(/\*(?=.*\*)/g, "-")
    .replace(/^__proto__$/, "proto")
    .slice(0, 150);
