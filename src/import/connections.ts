// The providers that an import needs: one for each address, with every key that is used there.
import type { Provider } from "../providers/provider.ts";
import type { Path } from "../lib/json.ts";
import { addressWord, slug } from "./address.ts";
import { loneVariable, render, Template, type Text } from "./text.ts";

/** What a source says of an upstream. */
export interface Wanted {
  preset: Provider;
  /** The name it has in the source. */
  name?: string;
  baseUrl?: Text;
  /** Of the preset: region, resource ... A dot in a name nests it. */
  settings?: Readonly<Record<string, Text>>;
  /** Further fields of a provider's entry, such as `headers`. */
  fields?: Readonly<Record<string, unknown>>;
  key?: Text | undefined;
  /** The variable that the source reads when it holds no key. */
  env?: string | undefined;
}

export interface Connection {
  readonly name: string;
  readonly preset: Provider;
  /** Prices by model, set by whoever reads them. */
  readonly prices: Map<string, Record<string, string>>;
  /** Names for clients → the provider's own, where the source lists them. */
  readonly models: Map<string, string>;
  /** Where a key will stand. */
  keyPlace(index: number): Path;
  /** How deployments name a key; undefined when there is only one. */
  keyName(index: number): string | undefined;
  entry(): Record<string, unknown>;
  /** The variable that the preset reads by itself, where the file names no key. */
  implied(): string | undefined;
}

export interface Used {
  connection: Connection;
  /** Which of its keys; undefined when it has none. */
  key: number | undefined;
}

export interface Connections {
  use(wanted: Wanted): Used;
  all(): readonly Connection[];
}

interface Key {
  text: Text;
  /** Nobody wrote it: the preset reads this variable by itself. */
  implicit: boolean;
}

export function createConnections(): Connections {
  const byIdentity = new Map<string, { connection: Connection; keys: Key[] }>();
  const names = new Set<string>();

  return {
    use(wanted) {
      const key = keyOf(wanted);
      const identity = identityOf(wanted, key !== undefined);
      let found = byIdentity.get(identity);
      if (!found) {
        const name = nameFor(wanted, names);
        names.add(name);
        const keys: Key[] = [];
        found = { connection: createConnection(name, wanted, keys), keys };
        byIdentity.set(identity, found);
      }
      const { connection, keys } = found;
      if (!key) return { connection, key: undefined };
      const text = render(key.text);
      const place = keys.findIndex((each) => render(each.text) === text);
      const present = keys[place];
      if (!present) return { connection, key: keys.push(key) - 1 };
      present.implicit &&= key.implicit;
      return { connection, key: place };
    },
    all: () => [...byIdentity.values()].map(({ connection }) => connection),
  };
}

function keyOf({ key, env, preset }: Wanted): Key | undefined {
  if (key !== undefined) return { text: key, implicit: false };
  const variable = env ?? preset.env[0];
  return variable === undefined || preset.keyless === true || preset.local === true
    ? undefined
    : { text: new Template({ variable }), implicit: true };
}

function identityOf(wanted: Wanted, hasKey: boolean): string {
  const { preset, name, baseUrl, settings = {}, fields = {} } = wanted;
  return JSON.stringify(
    [preset.id, name ?? null, baseUrl ?? null, settings, fields, hasKey],
    (_, value) => (value instanceof Template ? render(value) : (value as unknown)),
  );
}

/** The preset's own name for its first address, then a word of what makes the others different. */
function nameFor(wanted: Wanted, taken: ReadonlySet<string>): string {
  const { preset, baseUrl, settings = {} } = wanted;
  const generic = preset.baseUrl === undefined;
  const told = wanted.name === undefined ? undefined : slug(wanted.name);
  const first = told ?? (generic && baseUrl !== undefined ? addressWord(baseUrl) : preset.id);
  if (!taken.has(first)) return first;
  const [setting] = Object.values(settings);
  const word = baseUrl === undefined ? setting && wordOf(setting) : addressWord(baseUrl);
  const second = word === undefined || generic ? `${first}-2` : `${first}-${word}`;
  let name = second;
  for (let count = 2; taken.has(name); count += 1) {
    name = `${second.replace(/-2$/, "")}-${count}`;
  }
  return name;
}

const wordOf = (text: Text): string => slug(loneVariable(text) ?? render(text)).slice(0, 40);

function createConnection(name: string, wanted: Wanted, keys: Key[]): Connection {
  const { preset } = wanted;
  const prices = new Map<string, Record<string, string>>();
  const models = new Map<string, string>();
  const keyNames = (): string[] => {
    const used = new Set<string>();
    return keys.map(({ text }, index) => {
      const variable = loneVariable(text);
      const wish = variable === undefined ? `key-${index + 1}` : slug(variable).slice(0, 60);
      const free = used.has(wish) ? `${wish}-${index + 1}` : wish;
      used.add(free);
      return free;
    });
  };
  const connection: Connection = {
    implied: () => {
      const [first] = keys;
      return first && Object.keys(keyFields()).length === 0 ? loneVariable(first.text) : undefined;
    },
    name,
    preset,
    prices,
    models,
    keyPlace: (index) =>
      keys.length > 1 ? ["providers", name, "keys", index] : ["providers", name, "api_key"],
    keyName: (index) => (keys.length > 1 ? keyNames()[index] : undefined),
    entry: () => ({
      ...(name !== preset.id && { type: preset.id }),
      ...(wanted.baseUrl !== undefined && { base_url: wanted.baseUrl }),
      ...nest(wanted.settings ?? {}),
      ...keyFields(),
      ...wanted.fields,
      ...(models.size > 0 && { models: modelField(models) }),
      ...(prices.size > 0 && { prices: Object.fromEntries(prices) }),
    }),
  };
  const keyFields = (): Record<string, unknown> => {
    const [first] = keys;
    if (!first) return {};
    if (keys.length > 1) {
      const known = keyNames();
      return { keys: keys.map(({ text }, index) => ({ name: known[index], key: text })) };
    }
    const reads = preset.env.includes(loneVariable(first.text) ?? "");
    return first.implicit && reads && wanted.baseUrl === undefined ? {} : { api_key: first.text };
  };
  return connection;
}

const modelField = (models: ReadonlyMap<string, string>): unknown =>
  [...models].every(([name, own]) => name === own)
    ? [...models.keys()]
    : Object.fromEntries(models);

/** `entra.tenant_id` → `{ entra: { tenant_id } }` */
function nest(settings: Readonly<Record<string, Text>>): Record<string, unknown> {
  const nested: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    const [outer = "", inner] = name.split(".");
    if (inner === undefined) nested[outer] = value;
    else nested[outer] = { ...(nested[outer] as object | undefined), [inner]: value };
  }
  return nested;
}
