// The tags of a request, wherever they stand: headers, and the body as LiteLLM's clients write them.
import { isObject } from "../lib/json.ts";
import type { Inbound } from "./inbound.ts";
import { given, mayWrite, namesIn, refused, valueOf } from "./wish-values.ts";

const maxTags = 50;

/**
 * Whom a request counts for: the tags of its headers and of its body, whether or not its key may choose by them.
 * `inbound`: absent where the body is not read.
 * @throws GatewayError `invalid_request`
 */
export function tagsOf(headers: Headers, inbound?: Inbound): string[] {
  const isRead = inbound !== undefined && mayWrite(inbound);
  const written = isRead
    ? [
        ...(inbound.members.has("tags") ? tagsIn(valueOf(inbound, "tags"), "tags") : []),
        ...tagsIn(labelsIn(inbound)?.tags, "metadata.tags"),
      ]
    : [];
  return allTags(headers, written);
}

/** Those of the headers, then `written`, each once. @throws GatewayError `invalid_request` */
export function allTags(headers: Headers, written: readonly string[]): string[] {
  const named = ["x-megallm-tags", "x-litellm-tags"].flatMap((name) =>
    tagsIn(headers.get(name) ?? undefined, name),
  );
  const tags = [...new Set([...named, ...written])];
  if (tags.length > maxTags) throw refused("tags", `may be ${maxTags} at most`);
  return tags;
}

/** LiteLLM's `metadata.tags`. OpenAI's own metadata has texts only, and those are left alone. @throws GatewayError `invalid_request` */
export function labelsIn(inbound: Inbound): { tags: unknown[]; field: string } | undefined {
  if (!mayWrite(inbound) || !inbound.members.has("metadata")) return undefined;
  const metadata = valueOf(inbound, "metadata");
  const tags = isObject(metadata) ? given(metadata, "tags") : undefined;
  if (!isObject(metadata) || !Array.isArray(tags)) return undefined;
  // Nothing of it would be left, and even that is refused by some.
  const isAlone = Object.keys(metadata).length === 1;
  return { tags, field: isAlone ? "metadata" : "metadata.tags" };
}

/** A list, or a text with commas. @throws GatewayError `invalid_request` */
export function tagsIn(value: unknown, field: string): string[] {
  if (typeof value !== "string") return namesIn(value, field);
  return value
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}
