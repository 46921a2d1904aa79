// Whether a request may do something at its provider besides being answered, so that asking twice could do it twice.
import type { Operation } from "../ir/chat.ts";
import type { Inbound } from "./inbound.ts";
import { chatOf } from "./order.ts";

/** What a race needs to know of a request that may be asked of two deployments at once. */
export interface Racing {
  /** Looks into the body, so it is asked late. */
  hasEffects(): boolean;
}

/** Everything else makes, keeps or removes something, or is not worth it. */
const racedOperations: ReadonlySet<Operation> = new Set([
  "chat",
  "completions",
  "embeddings",
  "rerank",
]);

/** Undefined: it is never asked of two. */
export const racingOf = (inbound: Inbound): Racing | undefined =>
  racedOperations.has(inbound.operation) ? { hasEffects: () => hasEffects(inbound) } : undefined;

/** Fields under which tools stand that a provider may run. */
const toolFields = ["tools", "toolConfig", "plugins"] as const;
/** The provider calls other servers, writes the answer into a conversation of its own, or works where nobody waits. */
const acting = ["mcp_servers", "conversation", "container"] as const;

function hasEffects(inbound: Inbound): boolean {
  const { members } = inbound;
  if (inbound.operation !== "chat") return false;
  if (inbound.member("background") === true) return true;
  if (acting.some((name) => inbound.member(name) !== undefined)) return true;
  return toolFields.some((name) => members.has(name)) && letsAct(inbound) !== false;
}

/** Tools that a provider runs itself (search, code, other servers); null where the request cannot be read. */
export function letsAct(inbound: Inbound): boolean | null {
  const request = chatOf(inbound);
  return (
    request && request.tools.some((tool) => tool.type === "provider" && tool.executor !== "client")
  );
}
