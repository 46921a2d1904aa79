// Providers, routes and aliases: entries of the configuration file, changed one by one.
import { z } from "zod";
import type { Action } from "../../access/permissions.ts";
import type { ResolvedProvider } from "../../config/config.ts";
import { placeKey } from "../../config/document.ts";
import { editText } from "../../config/edit.ts";
import type { ChangeOrder, CurrentText } from "../../config/editor.ts";
import { unknownMask } from "../../config/shown-text.ts";
import {
  isMask,
  leavesOf,
  maskOf,
  type Places,
  readAt,
  secretPlaces,
  shownAt,
} from "../../config/written.ts";
import { GatewayError } from "../../ir/error.ts";
import { isObject, type JsonObject, type Path } from "../../lib/json.ts";
import { providers as presets } from "../../providers/index.ts";
import { changedAnswer, changedShape, editorOf, orderOf } from "./config-change.ts";
import type { AdminRoute, Call, Services } from "./route.ts";

interface Section {
  readonly kind: "provider" | "route" | "alias";
  /** In paths. */
  readonly plural: string;
  /** In the file. */
  readonly section: "providers" | "models" | "aliases";
  readonly read: Action;
  readonly change: Action;
  /** As written; what of it is given with a change. */
  readonly entry: z.ZodType;
  readonly shape: z.ZodType;
  /** What is known of it besides what is written; null: it is not there. */
  facts(name: string, entry: unknown, services: Services): JsonObject | null;
  /** Those that no file names. */
  others?(services: Services): string[];
}

const name = z.string().min(1).max(200).describe("As in the file.");
const providerEntry = z
  .record(z.string().max(200), z.unknown())
  .describe(
    "As in `providers` of the file, docs/configuration.md. Secrets are shown by their end. A change gives what is to be different: `null` takes a field away, what is left out stays. What decides where secrets are sent (`base_url`, `type`, `headers` …) is changed together with all the secrets, entered anew.",
  );
const routeEntry = z
  .union([z.string().max(200), z.record(z.string().max(200), z.unknown())])
  .describe("As in `models` of the file: a target, or a map with `deployments`.");
const aliasEntry = z.string().max(200).describe("What the alias stands for.");

const sections: readonly Section[] = [
  {
    kind: "provider",
    plural: "providers",
    section: "providers",
    read: "provider.read",
    change: "provider.update",
    entry: providerEntry,
    shape: z
      .object({
        name,
        source: z
          .enum(["file", "environment", "built-in"])
          .describe("Who named it; what no file names is changed by an entry of its own."),
        enabled: z.boolean().describe("`false`: it is not in use."),
        type: z.string().nullable(),
        base_url: z.string().nullable(),
        keys: z.array(z.object({ name: z.string(), last4: z.string().nullable() })),
        entry: providerEntry.nullable(),
      })
      .meta({ id: "Provider" }),
    facts(own, entry, services) {
      const found = services.control.running().config.providers.find((each) => each.name === own);
      if (!found && entry === undefined) return null;
      const written = isObject(entry) ? entry["type"] : undefined;
      return {
        source: entry !== undefined ? "file" : found?.origin,
        enabled: found !== undefined,
        type: found?.preset.id ?? (typeof written === "string" ? written : null),
        base_url: found?.baseUrl ?? null,
        keys: (found?.keys ?? []).map(last4Of),
      };
    },
    others: (services) => services.control.running().config.providers.map((each) => each.name),
  },
  {
    kind: "route",
    plural: "routes",
    section: "models",
    read: "route.read",
    change: "route.update",
    entry: routeEntry,
    shape: z.object({ name, entry: routeEntry }).meta({ id: "Route" }),
    facts: (_name, entry) => (entry === undefined ? null : {}),
  },
  {
    kind: "alias",
    plural: "aliases",
    section: "aliases",
    read: "route.read",
    change: "route.update",
    entry: aliasEntry,
    shape: z.object({ name, entry: aliasEntry }).meta({ id: "Alias" }),
    facts: (_name, entry) => (entry === undefined ? null : {}),
  },
];

function last4Of({ name: own, secret }: ResolvedProvider["keys"][number]) {
  const hint = secret.hint();
  return { name: own, last4: hint === "***" ? null : hint.slice(1) };
}

const trial = z
  .object({
    ok: z
      .boolean()
      .nullable()
      .describe("`null`: it has no list of models to ask for, so nothing was sent."),
    ms: z.number(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: "ProviderTrial" });

export const entryRoutes: readonly AdminRoute[] = [
  ...sections.flatMap(routesOf),
  {
    method: "POST",
    path: "/providers/{id}/test",
    tag: "providers",
    summary: "Asks a provider for its models, where the configuration in force says",
    action: "provider.update",
    scope: "gateway",
    answer: trial,
    status: 200,
    handle: async ({ services, id }) => ({ body: await services.control.tryProvider(id) }),
  },
];

function routesOf(section: Section): AdminRoute[] {
  const { kind, plural, read, change, entry, shape } = section;
  const article = kind === "alias" ? "an" : "a";
  const shared = { tag: plural, scope: "gateway", etag: "hash" } as const;
  const path = `/${plural}`;
  return [
    {
      ...shared,
      method: "GET",
      path,
      summary: `Lists all ${plural}`,
      action: read,
      answer: z.object({ data: z.array(shape).describe("In the order of the file.") }),
      status: 200,
      async handle({ services }) {
        const { value, hash } = stateOf(services);
        const written = readAt(value, [section.section]);
        const names = new Set([
          ...(isObject(written) ? Object.keys(written) : []),
          ...(section.others?.(services) ?? []),
        ]);
        const data = [...names].flatMap((each) => show(section, each, services) ?? []);
        return { body: { data }, ...(hash !== undefined && { hash }) };
      },
    },
    {
      ...shared,
      method: "POST",
      path,
      summary: `Makes ${article} ${kind}`,
      action: change,
      body: z.strictObject({ name, entry }),
      answer: changedShape,
      status: 201,
      handle: (call) => {
        const body = call.body as { name: string; entry: unknown };
        return changeEntry(section, call, { name: body.name, verb: "create", given: body.entry });
      },
    },
    {
      ...shared,
      method: "GET",
      path: `${path}/{id}`,
      summary: `Reads ${article} ${kind}`,
      action: read,
      answer: shape,
      status: 200,
      async handle({ services, id }) {
        const found = show(section, id, services);
        if (!found) throw missing(section, id);
        const { hash } = stateOf(services);
        return { body: found, ...(hash !== undefined && { hash }) };
      },
    },
    {
      ...shared,
      method: "PATCH",
      path: `${path}/{id}`,
      summary: `Changes ${article} ${kind}: what is not given stays`,
      action: change,
      body: z.strictObject({ entry }),
      answer: changedShape,
      status: 200,
      handle: (call) => {
        const { entry: given } = call.body as { entry: unknown };
        return changeEntry(section, call, { name: call.id, verb: "update", given });
      },
    },
    {
      ...shared,
      method: "DELETE",
      path: `${path}/{id}`,
      summary: `Deletes ${article} ${kind}`,
      action: change,
      answer: changedShape,
      status: 200,
      handle: (call) =>
        changeEntry(section, call, { name: call.id, verb: "delete", given: undefined }),
    },
  ];
}

/** Of the file; of what is in force where there is no file to be had. */
function stateOf({ control: { editor, running } }: Services): { value: unknown; hash?: string } {
  if (!editor) return { value: running().written };
  const { value, hash } = editor.current();
  return { value, hash };
}

/** Of a configuration that a program gave. */
const programPlaces = secretPlaces(presets);

function show(section: Section, own: string, services: Services): JsonObject | null {
  const path = [section.section, own];
  const written = readAt(stateOf(services).value, path);
  const facts = section.facts(own, written, services);
  if (!facts) return null;
  // An entry of a provider that is only named is an empty one.
  const entry = written === null ? {} : written;
  const shown =
    entry === undefined
      ? null
      : shownAt(entry, path, services.control.editor?.places ?? programPlaces);
  return { name: own, ...facts, entry: shown };
}

const missing = ({ kind }: Section, own: string): GatewayError =>
  new GatewayError("not_found", `There is no ${kind} \`${own.slice(0, 100)}\` in the file.`);

interface EntryChange {
  readonly name: string;
  readonly verb: "create" | "update" | "delete";
  readonly given: unknown;
}

async function changeEntry(section: Section, call: Call, wish: EntryChange) {
  const editor = editorOf(call.services);
  const action = `${section.kind}.${wish.verb}`;
  const order = orderOf(call, { action, kind: section.kind, subjectId: wish.name });
  const make = makeEntry(section, wish, editor.places);
  return changedAnswer(call, await editor.change({ ...order, make }));
}

const makeEntry =
  (
    section: Section,
    { name: own, verb, given }: EntryChange,
    places: Places,
  ): ChangeOrder["make"] =>
  (current) => {
    if (current.isBroken) {
      throw new GatewayError(
        "conflict",
        "The file is not valid YAML: mend it by hand, or put a text in its place by `PUT /config`.",
      );
    }
    const path = [section.section, own];
    const before = readAt(current.value, path);
    if (verb === "create" && before !== undefined) {
      throw new GatewayError("conflict", `There is a ${section.kind} with this name already.`);
    }
    if (verb !== "create" && before === undefined) throw missing(section, own);
    const typed = new Set<string>();
    const patch = unmasked(given, path, { current, places, typed });
    const value = verb === "delete" ? undefined : merge(before, patch);
    return {
      text: editText(current.text, [{ path, value }], current.format),
      isTyped: (place: Path) =>
        place.some((_step, depth) => typed.has(placeKey(place.slice(0, depth + 1)))),
    };
  };

/** The given values, those that are only shown replaced by what they show; the others are noted as typed. */
function unmasked(
  given: unknown,
  path: Path,
  means: { current: CurrentText; places: Places; typed: Set<string> },
): unknown {
  if (isObject(given)) {
    return Object.fromEntries(
      Object.entries(given).map(([key, item]) => [key, unmasked(item, [...path, key], means)]),
    );
  }
  if (Array.isArray(given)) return given.map((item, at) => unmasked(item, [...path, at], means));
  const { current, places, typed } = means;
  if (isMask(given) && places.isHidden(path)) {
    const kept = readAt(current.value, path);
    if (kept === undefined || maskOf(kept) !== given) throw unknownMask(path);
    return kept;
  }
  for (const leaf of leavesOf(given, path)) typed.add(placeKey(leaf.path));
  return given;
}

/** As RFC 7396 says: maps field by field, `null` takes away, anything else takes the place. */
function merge(before: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(before) ? Object.entries(before) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, merge(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
