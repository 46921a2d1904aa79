// A web page that is cited in one wire is cited in every wire that has citations of web pages.
import { describe, expect, test } from "bun:test";
import { bedrockConverse } from "../../../src/dialects/bedrock-converse/index.ts";
import { webSource } from "../../../src/dialects/cited-source.ts";
import { cohere } from "../../../src/dialects/cohere/index.ts";
import type { AnswerContext } from "../../../src/dialects/dialect.ts";
import { gemini } from "../../../src/dialects/gemini/index.ts";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import { openaiResponses } from "../../../src/dialects/openai-responses/index.ts";
import type { ChatResponse, DialectId } from "../../../src/ir/chat.ts";
import { expand } from "../../../src/ir/fold.ts";
import type { Warning } from "../../../src/ir/warning.ts";

const url = "https://e.com/a";

/** The same page as each wire cites it. */
const citations: Partial<Record<DialectId, unknown>> = {
  "openai-chat": { type: "url_citation", url_citation: { url, title: "E" } },
  "openai-responses": { type: "url_citation", url, title: "E", start_index: 0, end_index: 3 },
  "anthropic-messages": { type: "web_search_result_location", url, title: "E", cited_text: "said" },
  gemini: { url, title: "E", groundingChunk: { web: { uri: url, title: "E" } } },
  "bedrock-converse": { title: "E", location: { web: { url, domain: "e.com" } } },
  cohere: { text: "abc", sources: [{ type: "document", id: "d", document: { url, title: "E" } }] },
};

test.each(Object.entries(citations))("%s names its page", (_, raw) => {
  expect(webSource(raw)).toMatchObject({ url, title: "E" });
});

test("what names no page has no source", () => {
  const others: unknown[] = [
    null,
    "https://e.com",
    [],
    {},
    { url: 1 },
    { location: { documentChar: {} } },
    { sources: [null, { document: 1 }] },
    JSON.parse('{"__proto__":{"url":"https://e.com"}}'),
  ];
  for (const raw of others) expect(webSource(raw)).toBeUndefined();
});

describe.each([openaiChat, openaiResponses, gemini, bedrockConverse, cohere])(
  "shown by $id",
  (dialect) => {
    // What came in a wire's own form leaves with the answer's own fields.
    const foreign = Object.entries(citations).filter(([origin]) => origin !== dialect.id);
    test.each(foreign)("of %s", (origin, raw) => {
      const response: ChatResponse = {
        id: "r-1",
        model: "m",
        candidates: [
          {
            parts: [
              { type: "text", text: "abc", citations: [{ origin: origin as DialectId, raw }] },
            ],
            finish: { reason: "stop" },
          },
        ],
      };
      const warnings: Warning[] = [];
      const context: AnswerContext = {
        model: "m",
        includeUsage: true,
        warn: (warning) => warnings.push(warning),
      };
      expect(dialect.response.encode(response, context)).toContain(url);
      const encoder = dialect.stream.encoder(context);
      const frames = expand(response).flatMap((event) => encoder.push(event));
      expect(frames.map(({ data }) => data).join("")).toContain(url);
      // Only Bedrock shows the passage that Anthropic quotes.
      const isQuoted = origin === "anthropic-messages" && dialect.id !== "bedrock-converse";
      const told = isQuoted ? ["citations.cited_text", "citations.cited_text"] : [];
      expect(warnings.map(({ field }) => field)).toEqual(told);
    });
  },
);

test("Bedrock's citation of another wire's page", () => {
  const response: ChatResponse = {
    id: "r-1",
    model: "m",
    candidates: [
      {
        parts: [
          {
            type: "text",
            text: "abc",
            citations: [{ origin: "anthropic-messages", raw: citations["anthropic-messages"] }],
          },
        ],
        finish: { reason: "stop" },
      },
    ],
  };
  const body = bedrockConverse.response.encode(response, {
    model: "m",
    includeUsage: true,
    warn: () => {},
  });
  expect(JSON.parse(body).output.message.content).toEqual([
    {
      citationsContent: {
        content: [{ text: "abc" }],
        citations: [
          {
            title: "E",
            sourceContent: [{ text: "said" }],
            location: { web: { url, domain: "e.com" } },
          },
        ],
      },
    },
  ]);
});
