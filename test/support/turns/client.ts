// A client of a conversation with tools, in no dialect's terms: what it is told, and what it sends back of it.
import type { JsonObject } from "../../../src/lib/json.ts";

export const clientDialects = [
  "openai-chat",
  "openai-responses",
  "anthropic-messages",
  "gemini",
] as const satisfies readonly string[];

export type ClientDialect = (typeof clientDialects)[number];

export interface Call {
  id: string;
  name: string;
  args: JsonObject;
}

/** One answer, as the SDK gave it. */
export interface Told {
  text: string;
  calls: Call[];
  /** What the SDK's user would send back, whole. */
  native: JsonObject[];
}

/** How much of an answer comes back. */
export type Keeping =
  /** All of it, unchanged. */
  | "whole"
  /** What the plain protocol has: no reasoning, no signatures, no item ids; arguments spelt anew. */
  | "plain"
  /** As `plain`, and the first call has other arguments than the model gave. */
  | "edited";

/** A conversation in one dialect's own form. */
export interface TurnClient {
  dialect: ClientDialect;
  user(text: string): JsonObject[];
  back(told: Told, keeping: Keeping): JsonObject[];
  results(calls: readonly Call[]): JsonObject[];
  ask(model: string, history: readonly JsonObject[], stream: boolean): Promise<Told>;
}

export const parameters = {
  type: "object",
  properties: { city: { type: "string" }, unit: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};

export const toolName = "get_weather";

/** Other order of keys, other spacing; the same arguments. */
export const respelt = (args: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(args).toReversed());

/** What a call sends back by `keeping`, where it is the `index`th of its answer. */
export function argsBack(call: Call, keeping: Keeping, index: number): JsonObject {
  if (keeping === "whole") return call.args;
  const args = respelt(call.args);
  return keeping === "edited" && index === 0 ? { ...args, city: "Elsewhere" } : args;
}

/** JSON as another program writes it: indented. */
export const spelt = (args: JsonObject): string => JSON.stringify(args, undefined, 2);
