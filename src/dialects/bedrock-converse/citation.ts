// Citations of an answer: this wire's own as they came, those of other wires where they name a web page.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Citation.html
import type { TextPart } from "../../ir/chat.ts";
import { isObject } from "../../lib/json.ts";
import { webSource } from "../cited-source.ts";
import { field, stringOr } from "../fields.ts";
import type { Notice } from "../losses.ts";
import { dialectId, noForm } from "./wire.ts";

export type Citation = NonNullable<TextPart["citations"]>[number];

/** Undefined for a citation that has no form here. */
export function encodeCitation({ origin, raw }: Citation, notice: Notice): unknown {
  if (origin === dialectId) return raw ?? {};
  const cited = webSource(raw);
  if (!cited) {
    notice("citations", noForm);
    return undefined;
  }
  const { url, title } = cited;
  const text = isObject(raw) ? stringOr(field(raw, "cited_text")) : undefined;
  const domain = URL.parse(url)?.hostname;
  return {
    ...(title === undefined ? {} : { title }),
    ...(text === undefined ? {} : { sourceContent: [{ text }] }),
    location: { web: { url, ...(domain ? { domain } : {}) } },
  };
}
