// What a translation could not carry, told once: requests as a list, answers as they pass.
import type { Warning } from "../ir/warning.ts";
import type { JsonObject } from "../lib/json.ts";
import { isBookkeeping } from "./bookkeeping.ts";
import type { AnswerContext, Target } from "./dialect.ts";
import { draftOf, fitRefused } from "./draft.ts";
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
export const loseRefused = (body: JsonObject, target: Target, losses: Losses): void =>
  fitRefused(draftOf(body, losses), target);

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
