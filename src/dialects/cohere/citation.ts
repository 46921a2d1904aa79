// Citations as Cohere shows them: its own as they came, those of other wires where they name a web address.
// https://docs.cohere.com/docs/documents-and-citations
import type { TextPart } from "../../ir/chat.ts";
import { webSource } from "../cited-source.ts";
import { dialectId } from "./wire.ts";

type Citation = NonNullable<TextPart["citations"]>[number];

/** `text` is what is cited so far. Undefined for a citation that has no form here. */
export function encodeCitation({ origin, raw }: Citation, text: string): unknown {
  if (origin === dialectId) return raw;
  const cited = webSource(raw);
  if (!cited) return undefined;
  const { url, title } = cited;
  const { start, end } = cited.range ?? { start: 0, end: text.length };
  const document = { id: url, url, ...(title === undefined ? {} : { title }) };
  return {
    start,
    end,
    text: text.slice(start, end),
    sources: [{ type: "document", id: url, document }],
    type: "TEXT_CONTENT",
  };
}
