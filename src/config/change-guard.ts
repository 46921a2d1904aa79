// What a change over HTTP may not do: send a stored secret somewhere new, or read what the file never named. (S14)
import { GatewayError } from "../ir/error.ts";
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { placeKey } from "./document.ts";
import { formatPath } from "./problems.ts";
import { hasReference, leavesOf, type Leaf, type Places, readAt } from "./written.ts";

export interface Change {
  /** As written, nothing put in. */
  readonly before: unknown;
  readonly after: unknown;
  /** The caller gave this value with the change, and did not only leave it as it was. */
  isTyped(path: Path): boolean;
}

export interface GuardMeans {
  readonly places: Places;
  readonly presets: readonly Provider[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Fields of a provider that say nothing of where its secrets are sent. All others may. */
const harmless = new Set([
  "models",
  "prices",
  "timeouts",
  "health_check",
  "unsupported",
  "allow_params",
  "drop_params",
  "extra_body",
  "max_concurrent",
  "enabled",
]);

/** Secrets that decide where they are sent themselves. */
const leading = new Set(["headers", "extra_headers", "proxy"]);

/** @throws GatewayError `conflict` for secrets that must be entered again, `forbidden` for new references */
export function guardChange(change: Change, means: GuardMeans): void {
  const { before, after } = change;
  const providers = sectionOf(after, "providers");
  for (const name of Object.keys(providers)) guardProvider(name, change, means);
  for (const { path, value } of leavesOf(after)) {
    if (typeof value !== "string" || !hasReference(value)) continue;
    if (readAt(before, path) === value || isVendorsOwn(path, value, providers, means)) continue;
    throw new GatewayError(
      "forbidden",
      `\`${formatPath(path)}\` refers to a variable or a file that the configuration does not name there. Over this API nothing new is read from the gateway's environment and files: give the value itself, or write the reference into the file by hand.`,
      { param: formatPath(path) },
    );
  }
}

function guardProvider(name: string, change: Change, { places, presets, env }: GuardMeans): void {
  const at: Path = ["providers", name];
  const entry = entryAt(change.after, at);
  if (isSame(destination(at, entry, places), destination(at, entryAt(change.before, at), places))) {
    if (readAt(change.before, at) !== undefined) return;
  }
  const isNew = readAt(change.before, at) === undefined;
  const kept = leavesOf(entry, at).filter(
    (leaf) => isCredential(leaf, places) && (!change.isTyped(leaf.path) || isFromElsewhere(leaf)),
  );
  const own = Object.keys(entry).every((field) => harmless.has(field) || field === "type");
  const vendors = kept.filter((leaf) => {
    const written = typeof leaf.value === "string" ? leaf.value : "";
    return !isVendorsOwn(leaf.path, written, { [name]: entry }, { places, presets, env });
  });
  const [first] = vendors;
  if (first) throw enterAgain(name, isNew, vendors);
  const preset = presets.find(({ id }) => id === (entry["type"] ?? name));
  if (own || kept.length > 0 || !preset) return;
  const given = leavesOf(entry, at).some((leaf) => isCredential(leaf, places));
  const variables = ambientVariables(preset, entry).filter((variable) => env[variable]);
  // A cloud's own tools and metadata servers give credentials, too, whatever the address.
  const isCloud = preset.authSettings !== undefined && !given;
  if (!isCloud && (variables.length === 0 || entry["base_url"] !== undefined)) return;
  const source = variables.length > 0 ? ` (${variables.join(", ")})` : "";
  throw new GatewayError(
    "conflict",
    `The credentials of \`${name}\` come from the gateway's environment${source}, and this change decides where they are sent. Give credentials of its own with the change, or make it in the file by hand.`,
    { param: formatPath(at) },
  );
}

function enterAgain(name: string, isNew: boolean, leaves: readonly Leaf[]): GatewayError {
  const fields = leaves.map(({ path }) => `\`${formatPath(path.slice(2))}\``).join(", ");
  const why = isNew
    ? `\`${name}\` is new`
    : `The change decides where the secrets of \`${name}\` are sent`;
  return new GatewayError(
    "conflict",
    `${why}: enter ${fields} with it, as the secret itself. Stored secrets are never sent anywhere but where they were entered for.`,
    { param: formatPath(leaves[0]?.path ?? []) },
  );
}

/** What of an entry says where its secrets go, by place. */
function destination(at: Path, entry: JsonObject, places: Places): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const { path, value } of leavesOf(entry, at)) {
    const field = String(path[2] ?? "");
    if (harmless.has(field) || field === "api_key" || field === "keys") continue;
    if (places.isSecret(path) && !leading.has(field)) continue;
    if (!isObject(value)) found.set(placeKey(path), value);
  }
  return found;
}

const isSame = (one: Map<string, unknown>, other: Map<string, unknown>): boolean =>
  one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);

/** A secret, or a reference that may bring one. A proxy without credentials is none. */
export function isCredential({ path, value }: Leaf, places: Places): boolean {
  if (value === null || typeof value === "boolean") return false;
  if (path.at(-1) === "proxy" && typeof value === "string") {
    return value.includes("@") || hasReference(value);
  }
  return places.isSecret(path);
}

const isFromElsewhere = ({ value }: Leaf): boolean =>
  typeof value === "string" && hasReference(value);

/** The vendor's own variable for the vendor's own address: what the entry says without it, too. */
function isVendorsOwn(
  path: Path,
  value: string,
  providers: JsonObject,
  { presets }: GuardMeans,
): boolean {
  const [section, name = "", ...field] = path;
  const variable = /^\$\{([A-Za-z_]\w*)\}$/.exec(value)?.[1];
  if (section !== "providers" || variable === undefined) return false;
  const entry = entryAt(providers, [name]);
  const others = Object.keys(entry).filter((each) => each !== field[0]);
  if (!others.every((each) => harmless.has(each) || each === "type")) return false;
  const preset = presets.find(({ id }) => id === (entry["type"] ?? name));
  const variables =
    field.length === 1 && field[0] === "api_key"
      ? preset?.env
      : preset?.authSettings?.[field.join(".")]?.env;
  return variables?.includes(variable) === true;
}

/** Variables that a preset takes its credentials from where the entry has none. */
function ambientVariables(preset: Provider, entry: JsonObject): string[] {
  const hasKey = entry["api_key"] !== undefined || entry["keys"] !== undefined;
  const secrets = Object.entries(preset.authSettings ?? {}).filter(
    ([setting, { secret }]) => secret === true && readAt(entry, setting.split(".")) === undefined,
  );
  return [...(hasKey ? [] : preset.env), ...secrets.flatMap(([, { env }]) => env ?? [])];
}

const sectionOf = (root: unknown, name: string): JsonObject => entryAt(root, [name]);

/** An entry that is only named is an empty one. */
function entryAt(root: unknown, path: Path): JsonObject {
  const found = readAt(root, path);
  return isObject(found) ? found : {};
}
