// What a translation could not carry, told once: requests as a list, answers as they pass.
import type { Warning } from "../ir/warning.ts";
import type { JsonObject } from "../lib/json.ts";
import { isBookkeeping } from "./bookkeeping.ts";
import type { AnswerContext, Target } from "./dialect.ts";
import { unknownFields } from "./ext.ts";

/** The same field in another message or block. @example placeless("tools[3].strict") // → "tools[].strict" */
const placeless = (path: string): string => path.replace(/\[\d+\]/g, "[]");

/** Losses of a request. The same loss at several places becomes one warning, which names the first and counts. */
export interface Losses {
  lose(field: string, reason: string): void;
  warnings(): Warning[];
}

/** `target`: the provider or dialect that cannot take it. */
export function createLosses(target: string): Losses {
  const found = new Map<string, { field: string; reason: string; count: number }>();
  return {
    lose(field, reason) {
      const key = `${placeless(field)} ${reason}`;
      const known = found.get(key);
      if (known) known.count += 1;
      else found.set(key, { field, reason, count: 1 });
    },
    warnings: () =>
      Array.from(found.values(), ({ field, reason, count }) => ({
        field,
        reason: count === 1 ? reason : `${reason} (${count} places)`,
        target,
      })),
  };
}

/** Names the members of a client's object that nobody reads, for any target. */
export function loseUnknown(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: string,
  losses: Losses,
): void {
  for (const key of Object.keys(unknownFields(object, known) ?? {})) {
    losses.lose(`${path}.${key}`, "not known to the gateway, left out");
  }
}

/** Makes an encoded request one that the provider takes, by its quirks: what it refuses is left out, brought inside bounds or renamed. */
export function loseRefused(body: JsonObject, target: Target, losses: Losses): void {
  const { accepts, drop = [], dropFor = [], rename = {} } = target.quirks;
  const refused = "the provider refuses this field";
  const remove = (key: string, reason: string): void => {
    if (!Object.hasOwn(body, key)) return;
    delete body[key];
    losses.lose(key, reason);
  };
  for (const key of drop) remove(key, refused);
  for (const { models, fields } of dropFor) {
    if (models.test(target.model)) for (const key of fields) remove(key, "the model refuses it");
  }
  clampNumbers(body, target, losses);
  const { maxStop } = target.quirks;
  const { stop } = body;
  if (maxStop !== undefined && Array.isArray(stop) && stop.length > maxStop) {
    body["stop"] = stop.slice(0, maxStop);
    losses.lose("stop", `the provider takes at most ${maxStop} stop sequences: the first are sent`);
  }
  for (const [key, name] of Object.entries(rename)) {
    if (!Object.hasOwn(body, key)) continue;
    if (!Object.hasOwn(body, name)) body[name] = body[key];
    delete body[key];
  }
  if (accepts) {
    for (const key of Object.keys(body)) if (!accepts.includes(key)) remove(key, refused);
  }
}

function clampNumbers(body: JsonObject, { quirks }: Target, losses: Losses): void {
  for (const [key, { min = -Infinity, max = Infinity }] of Object.entries(quirks.clamp ?? {})) {
    const value = Object.hasOwn(body, key) ? body[key] : undefined;
    if (typeof value !== "number" || (value >= min && value <= max)) continue;
    const bound = value < min ? min : max;
    body[key] = bound;
    losses.lose(
      key,
      `the provider takes ${value < min ? "at least" : "at most"} ${bound}: sent so`,
    );
  }
}

/** Tells what of an answer a client cannot be shown. */
export type Notice = (field: string, reason: string) => void;

/** Notices each loss once. `target`: the client's wire. */
export function createNotices(context: AnswerContext, target: string): Notice {
  const told = new Set<string>();
  return (field, reason) => {
    const key = `${placeless(field)} ${reason}`;
    if (isBookkeeping(field) || told.has(key)) return;
    told.add(key);
    context.warn({ field, reason, target });
  };
}
