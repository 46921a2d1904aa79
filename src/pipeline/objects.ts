// Objects that a provider keeps for its account (files, batches), and which of the gateway's keys made each (fault S32).
import { now } from "../lib/clock.ts";
import { isObject, type JsonObject, parseObject } from "../lib/json.ts";
import type { Items } from "../store/items.ts";

/** Where such objects live in vendors' APIs, by path. */
const collections = [
  "files",
  "batches",
  "messages/batches",
  "uploads",
  "conversations",
  "vector_stores",
  "containers",
  "fine_tuning/jobs",
  "evals",
  "assistants",
  "threads",
  "skills",
  "videos",
  "cachedcontents",
  "chat/completions",
  "responses",
  "batch/jobs",
  "filesearchstores",
  "tunedmodels",
  "corpora",
  "libraries",
  "datasets",
  "embed-jobs",
  "fine-tunes",
].map((path) => path.split("/"));

/** What stands behind a collection's name without being an object of it. */
const verbs: ReadonlySet<string> = new Set(["compact", "input_tokens"]);

/** What of a path is an object, or a list of them. */
export interface ObjectPath {
  collection: string;
  /** Absent: the whole collection. */
  id: string | undefined;
  /** What of the object is meant, e.g. `["content"]`. */
  below: readonly string[];
}

/** The outermost object of a path; undefined where there is none. @example objectIn(["v1", "files", "file-1"]) // → { collection: "files", id: "file-1", below: [] } */
export function objectIn(segments: readonly string[]): ObjectPath | undefined {
  for (const at of segments.keys()) {
    const found = collections.find((path) =>
      path.every((name, offset) => segments[at + offset]?.toLowerCase() === name),
    );
    if (found) {
      const [id, ...below] = segments.slice(at + found.length);
      if (id !== undefined && verbs.has(id)) return undefined;
      return { collection: found.join("/"), id, below };
    }
  }
  return undefined;
}

/** Who made an object, and with which account of the provider. */
export interface OwnedObject {
  id: string;
  provider: string;
  /** Name of the gateway's key; null where none was asked for. */
  owner: string | null;
  /** Name of the provider's key; null where it has none. */
  account: string | null;
}

export interface Owners {
  /** What is on record of these ids at these providers. */
  find(ids: readonly string[], providers: readonly string[]): Promise<OwnedObject[]>;
  /** Ids that are on record already stay whose they are. */
  keep(objects: readonly OwnedObject[]): Promise<void>;
  remove(provider: string, id: string): Promise<void>;
}

const kind = "object";
const separator = "/";

export function createOwners(items: Items): Owners {
  const keyOf = (provider: string, id: string): string => `${provider}${separator}${id}`;
  const find: Owners["find"] = async (ids, providers) => {
    const keys = new Map(
      providers.flatMap((provider) =>
        ids.map((id) => [keyOf(provider, id), { provider, id }] as const),
      ),
    );
    const found = await items.get(kind, [...keys.keys()]);
    return found.flatMap(({ key, owner, value }) => {
      const place = keys.get(key);
      const account = parseObject(value)["account"];
      return place
        ? [{ ...place, owner, account: typeof account === "string" ? account : null }]
        : [];
    });
  };
  return {
    find,
    async keep(objects) {
      const known = await find(
        objects.map(({ id }) => id),
        [...new Set(objects.map(({ provider }) => provider))],
      );
      const isKnown = (object: OwnedObject): boolean =>
        known.some(({ id, provider }) => id === object.id && provider === object.provider);
      const atMs = now();
      const fresh = new Map(
        objects
          .filter((object) => !isKnown(object))
          .map(({ id, provider, owner, account }) => [
            keyOf(provider, id),
            { owner, value: JSON.stringify({ account }), atMs, expiresMs: null },
          ]),
      );
      await items.put(
        kind,
        [...fresh].map(([key, item]) => ({ key, ...item })),
      );
    },
    remove: async (provider, id) => void (await items.remove(kind, keyOf(provider, id))),
  };
}

/** The id of an object as its vendor tells it; Google's names are paths. */
export function idOf(object: JsonObject): string | undefined {
  const { id, name } = object;
  if (typeof id === "string" && id !== "") return id;
  const [, last] = typeof name === "string" ? (/(?:^|\/)[a-z]+\/([^/]+)$/i.exec(name) ?? []) : [];
  return last;
}

/** Ids that came into being with this answer: the object itself where it is new, and files that were made for it. */
export function madeIn(answer: JsonObject, isNew: boolean): string[] {
  const file = answer["file"];
  const files = answer["result_files"];
  return [
    isNew ? idOf(answer) : undefined,
    answer["output_file_id"],
    answer["error_file_id"],
    isObject(file) ? idOf(file) : undefined,
    ...(Array.isArray(files) ? files : []),
  ].filter((id) => typeof id === "string" && id !== "") as string[];
}

/** Fields that name an object of the provider's. */
const referenceKeys: ReadonlySet<string> = new Set([
  "file_id",
  "file_ids",
  "file_uri",
  "fileUri",
  "input_file_id",
  "input_files",
  "training_file",
  "training_files",
  "validation_file",
  "validation_files",
  "vector_store_id",
  "vector_store_ids",
  "assistant_id",
  "conversation",
  "previous_response_id",
  "cachedContent",
  "cached_content",
]);

/** Google's names, alone or at the end of its own URLs. Anything else that has slashes is somebody's address. */
const googleName =
  /^(?:https?:\/\/[^/]*googleapis\.com\/(?:[^?#]*\/)?|projects\/[^?#]*\/)?(?:files|cachedContents)\/([\w-]+)/i;

/** The id in what a field says; undefined where it names nothing that a provider keeps. */
function idNamed(key: string, text: string): string | undefined {
  const [, name] = googleName.exec(text) ?? [];
  if (name !== undefined) return name;
  const isAddress = key === "file_uri" || key === "fileUri" || /^https?:/i.test(text);
  return isAddress || text === "" ? undefined : text;
}

/** What a tool is called with is the client's own matter, as are its notes. */
const isOwnData = (holder: JsonObject, key: string): boolean =>
  key === "arguments" ||
  key === "metadata" ||
  (key === "args" && typeof holder["name"] === "string") ||
  (key === "input" &&
    (typeof holder["toolUseId"] === "string" ||
      (String(holder["type"]).endsWith("tool_use") && typeof holder["name"] === "string")));

/**
 * Ids of the provider's objects that a request goes by, wherever they stand.
 * `isMeant`: whether a text in such a field is taken for a name at all.
 */
export function referencesIn(
  value: unknown,
  isMeant: (text: string, key: string) => boolean = () => true,
): string[] {
  const found = new Set<string>();
  const take = (key: string, each: unknown): void => {
    if (typeof each === "string") {
      const text = each.trim();
      const id = isMeant(text, key) ? idNamed(key, text) : undefined;
      if (id !== undefined) found.add(id);
    } else if (Array.isArray(each)) for (const item of each) take(key, item);
    else if (isObject(each)) take(key, each["file_id"] ?? idOf(each));
  };
  const walk = (each: unknown): void => {
    if (Array.isArray(each)) for (const item of each) walk(item);
    if (!isObject(each)) return;
    for (const [key, item] of Object.entries(each)) {
      if (referenceKeys.has(key)) take(key, item);
      else if (!isOwnData(each, key)) walk(item);
    }
  };
  walk(value);
  return [...found];
}
