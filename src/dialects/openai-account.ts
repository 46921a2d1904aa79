// Fields that both of OpenAI's wires have under one name and that concern the account rather than the answer.
// https://platform.openai.com/docs/api-reference/chat/create
import type { ChatRequest } from "../ir/chat.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { defined, field } from "./fields.ts";
import type { Losses } from "./losses.ts";

type Account = NonNullable<ChatRequest["account"]>;

const isText = (value: unknown): boolean => typeof value === "string";

/** Each field's name on the wire and the form in which it is understood. */
const fields: readonly { key: string; name: keyof Account; is(value: unknown): boolean }[] = [
  { key: "service_tier", name: "serviceTier", is: isText },
  { key: "store", name: "store", is: (value) => typeof value === "boolean" },
  { key: "metadata", name: "metadata", is: isObject },
  { key: "prompt_cache_key", name: "promptCacheKey", is: isText },
  { key: "prompt_cache_retention", name: "promptCacheRetention", is: isText },
  { key: "safety_identifier", name: "safetyIdentifier", is: isText },
];

/** Names of the account's fields that a body has in their usual form. */
export const accountKeys = (json: JsonObject): string[] =>
  fields.filter(({ key, is }) => is(field(json, key))).map(({ key }) => key);

/** Undefined where a body has none of these fields. */
export function decodeAccount(json: JsonObject): Account | undefined {
  const entries = fields
    .filter(({ key, is }) => is(field(json, key)))
    .map(({ key, name }) => [name, field(json, key)] as const);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/**
 * `user` and the account's fields of a body. Where a client gave one of `user` and `safety_identifier` only,
 * it stands for both here, and is sent as `one`.
 */
export function encodeAccount(
  { account, user }: ChatRequest,
  one: "user" | "safety_identifier",
): JsonObject {
  const entries = fields.map(({ key, name }) => [key, account?.[name]] as const);
  const body: JsonObject = defined({ user, ...Object.fromEntries(entries) });
  if (user !== undefined && user === account?.safetyIdentifier) {
    delete body[one === "user" ? "safety_identifier" : "user"];
  }
  return body;
}

/** What is lost on a wire that has none of these fields. One that stands in for the user's is not, where the user's is told. */
export function loseAccount({ account, user }: ChatRequest, reason: string, losses: Losses): void {
  for (const { key, name } of fields) {
    const value = account?.[name];
    if (value === undefined || (name === "safetyIdentifier" && value === user)) continue;
    losses.lose(key, reason);
  }
}
