// Messages as a strict provider takes them: its fields, its order, and what may stand at the end.
import { isObject, type JsonObject } from "../../lib/json.ts";
import type { Quirks } from "../dialect.ts";
import type { Scope } from "./encode-scope.ts";

/** An encoded message, and where the client wrote it. */
export interface Placed {
  message: JsonObject;
  path: string;
}

/** Said for the assistant where two turns may not follow one another. */
const bridge: JsonObject = { role: "assistant", content: "OK" };

/** Applies the quirks that are about messages, with a warning for each change. */
export function fitConversation(messages: readonly Placed[], scope: Scope): JsonObject[] {
  const { quirks } = scope.target;
  const kept = messages.flatMap((placed) => {
    const message = fitMessage(placed, scope);
    return message ? [{ ...placed, message }] : [];
  });
  const ordered = quirks.systemFirst ? withSystemFirst(kept, scope) : kept;
  const fitted = quirks.noUserAfterTool ? bridged(ordered, scope) : ordered;
  markPrefill(fitted.at(-1), scope);
  return fitted.map(({ message }) => message);
}

type Role = keyof NonNullable<Quirks["acceptsMessageFields"]>;
const roles: ReadonlySet<unknown> = new Set<Role>(["system", "user", "assistant", "tool"]);
const isRole = (role: unknown): role is Role => roles.has(role);

/** Does the provider take this field in messages of this role? */
export function knowsField(
  role: unknown,
  name: string,
  { acceptsMessageFields: accepts, dropMessageFields: dropped = [] }: Quirks,
): boolean {
  if (dropped.includes(name)) return false;
  return !accepts || !isRole(role) || accepts[role].includes(name);
}

/** The message without what is refused; undefined when nothing is left of it. */
function fitMessage({ message, path }: Placed, { target, losses }: Scope): JsonObject | undefined {
  const { quirks } = target;
  const { role } = message;
  const gone = Object.keys(message).filter((name) => !knowsField(role, name, quirks));
  for (const name of gone) {
    if (message[name] !== null) losses.lose(`${path}.${name}`, "the provider refuses this field");
  }
  const kept =
    gone.length === 0
      ? message
      : Object.fromEntries(Object.entries(message).filter(([name]) => !gone.includes(name)));
  if (!quirks.refusesEmptyTurns || !isEmptyTurn(kept)) return kept;
  losses.lose(path, "a message without content is left out: the provider refuses it");
  return undefined;
}

/** An assistant's message that says and calls nothing. */
export function isEmptyTurn({ role, content, tool_calls: calls }: JsonObject): boolean {
  if (role !== "assistant" || (Array.isArray(calls) && calls.length > 0)) return false;
  const isList = Array.isArray(content);
  return isList
    ? content.length === 0
    : content === "" || content === null || content === undefined;
}

/** Index of the first message from which on none may be a system message. */
export function endOfSystem(messages: readonly JsonObject[]): number {
  const answered = messages.findIndex(({ role }) => role === "assistant" || role === "tool");
  const trailing = messages.findLastIndex(({ role }) => !isSystem(role)) + 1;
  return answered < 0 ? trailing : Math.min(answered, trailing);
}

export const isSystem = (role: unknown): boolean => role === "system" || role === "developer";

/** Turns system messages that come late into the user's. */
function withSystemFirst(messages: readonly Placed[], { losses }: Scope): Placed[] {
  const end = endOfSystem(messages.map(({ message }) => message));
  return messages.map((placed, index) => {
    if (index < end || !isSystem(placed.message["role"])) return placed;
    losses.lose(
      placed.path,
      "the provider takes system messages at the beginning only: it is sent as the user's",
    );
    return { ...placed, message: { ...placed.message, role: "user" } };
  });
}

function bridged(messages: readonly Placed[], { losses }: Scope): Placed[] {
  return messages.flatMap((placed, index) => {
    if (placed.message["role"] !== "user") return [placed];
    if (messages[index - 1]?.message["role"] !== "tool") return [placed];
    losses.lose(
      placed.path,
      "the provider takes no user's message right after a tool's result: the assistant says `OK` between them",
    );
    return [{ ...placed, message: bridge }, placed];
  });
}

/** Marks an assistant's message at the end as one to go on with. */
function markPrefill(last: Placed | undefined, { target, losses, isNative }: Scope): void {
  if (!last || !isPrefill(last.message)) return;
  const { prefillField } = target.quirks;
  if (prefillField !== undefined) {
    if (!Object.hasOwn(last.message, prefillField)) last.message[prefillField] = true;
  } else if (!isNative) {
    losses.lose(last.path, "the provider may answer anew instead of going on with this message");
  }
}

/** An assistant's text at the end of a conversation. */
export const isPrefill = (message: unknown): boolean =>
  isObject(message) &&
  message["role"] === "assistant" &&
  !isEmptyTurn(message) &&
  !(Array.isArray(message["tool_calls"]) && message["tool_calls"].length > 0);
