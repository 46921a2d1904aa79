// Fields that were once lost without a word: each is written now, or told.
import { describe, expect, test } from "bun:test";
import { targetOf } from "../../../scripts/fidelity/bodies.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { expand } from "../../../src/ir/fold.ts";
import { type JsonObject, parseObject } from "../../../src/lib/json.ts";

const bodyOf = (json: JsonObject) => ({ json, text: JSON.stringify(json) });

function ask(from: DialectId, to: DialectId, json: JsonObject) {
  const decoded = dialects[from].request.decode(bodyOf({ model: "m", ...json }), "chat");
  const encoded = dialects[to].request.encode(decoded.value, targetOf(to, false));
  return {
    body: parseObject(encoded.body),
    told: [...decoded.warnings, ...encoded.warnings].map(({ field }) => field),
  };
}

/** An answer shown whole and as a stream, with what was told of both. */
function answer(from: DialectId, to: DialectId, json: JsonObject) {
  const origin = { dialect: from, provider: "p", model: "m" };
  const { value } = dialects[from].response.decode(bodyOf(json), origin);
  const told: [Set<string>, Set<string>] = [new Set(), new Set()];
  const context = (at: 0 | 1) => ({
    model: "m",
    includeUsage: true,
    warn: ({ field }: { field: string }) => void told[at].add(field),
  });
  const body = parseObject(dialects[to].response.encode(value, context(0)));
  const encoder = dialects[to].stream.encoder(context(1));
  const frames = expand(value).flatMap((event) => encoder.push(event));
  return {
    body,
    frames: frames.map(({ data }) => data).join("\n"),
    told: told.map((set) => [...set]),
  };
}

const others = (from: DialectId) =>
  Object.values(dialects).flatMap(({ id }) => (id === from ? [] : [id]));

describe("ids by which documents are cited", () => {
  const documents = [
    { id: "d1", data: { title: "T", text: "one" } },
    { id: "d2", data: { title: "U", text: "two" } },
  ];
  const messages = [{ role: "user", content: "Hi" }];

  test.each(others("cohere"))("%s cites none, which is told", (to) => {
    const { told } = ask("cohere", to, { messages, documents });
    expect(told).toEqual(["documents[].id"]);
    expect(ask("cohere", to, { messages, documents: ["plain"] }).told).toEqual([]);
  });

  test("their own wire keeps them", () => {
    const { body, told } = ask("cohere", "cohere", { messages, documents });
    expect(body["documents"]).toEqual(documents);
    expect(told).toEqual([]);
  });
});

describe("names of files", () => {
  const data = "JVBERi0xLjQK";

  test("Gemini's API refuses them, which is told", () => {
    const file = { filename: "a.pdf", file_data: `data:application/pdf;base64,${data}` };
    const content = [{ type: "file", file }];
    const { body, told } = ask("openai-chat", "gemini", { messages: [{ role: "user", content }] });
    expect(JSON.stringify(body)).not.toContain("a.pdf");
    expect(told).toEqual(["messages[0].content[0].filename"]);
  });

  const parts = [
    { inlineData: { mimeType: "application/pdf", data, displayName: "a.pdf" } },
    { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo=", displayName: "b.png" } },
    { fileData: { mimeType: "video/mp4", fileUri: "https://example.com/c", displayName: "c" } },
  ];
  const contents = [{ role: "user", parts }];

  test("who writes Gemini's wire gets them through to it", () => {
    const { body, told } = ask("gemini", "gemini", { contents });
    expect(body["contents"]).toEqual(contents);
    expect(told).toEqual([]);
  });

  test("a picture's is told to all others", () => {
    expect(ask("gemini", "openai-chat", { contents }).told).toContain(
      "contents[0].content[1].inlineData.displayName",
    );
  });
});

describe("schemas that are closed where they are enforced", () => {
  const schema = (additionalProperties: unknown) => ({
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties,
  });
  const asked = (open: unknown) => ({
    messages: [{ role: "user", content: "Hi" }],
    response_format: {
      type: "json_schema",
      json_schema: { name: "n", strict: true, schema: schema(open) },
    },
  });

  test.each(["anthropic-messages", "bedrock-converse"] as const)("%s", (to) => {
    const { body, told } = ask("openai-chat", to, asked(true));
    expect(told).toHaveLength(1);
    expect(JSON.stringify(body)).toContain("additionalProperties: true");
    expect(ask("openai-chat", to, asked(false)).told).toEqual([]);
  });
});

describe("citations", () => {
  const cited = (annotation: JsonObject): JsonObject => ({
    id: "r",
    object: "response",
    model: "m",
    status: "completed",
    output: [
      {
        type: "message",
        id: "m1",
        role: "assistant",
        status: "completed",
        content: [
          {
            type: "output_text",
            text: "Zwölf Affen rufen",
            annotations: [annotation],
            logprobs: [],
          },
        ],
      },
    ],
  });
  const page = { type: "url_citation", url: "https://example.com", title: "E" };
  const ranged = cited({ ...page, start_index: 6, end_index: 11 });

  test("keep where the cited text stands", () => {
    const chat = answer("openai-responses", "openai-chat", ranged);
    for (const text of [JSON.stringify(chat.body), chat.frames]) {
      expect(text).toContain('"start_index":6,"end_index":11');
    }
    const gemini = answer("openai-responses", "gemini", ranged);
    const segment = '"segment":{"startIndex":7,"endIndex":12,"text":"Affen"}';
    for (const text of [JSON.stringify(gemini.body), gemini.frames])
      expect(text).toContain(segment);
    const cohere = answer("openai-responses", "cohere", ranged);
    for (const text of [JSON.stringify(cohere.body), cohere.frames]) {
      expect(text).toContain('"start":6,"end":11,"text":"Affen"');
    }
  });

  test("without a place belong to the whole text", () => {
    const { body } = answer("openai-responses", "openai-chat", cited(page));
    expect(JSON.stringify(body)).toContain('"start_index":0,"end_index":17');
  });

  const quoting: JsonObject = {
    id: "msg",
    type: "message",
    role: "assistant",
    model: "m",
    stop_reason: "end_turn",
    usage: { input_tokens: 1, output_tokens: 1 },
    content: [
      {
        type: "text",
        text: "Bonn",
        citations: [
          { type: "web_search_result_location", url: "https://e.com", title: "E", cited_text: "x" },
        ],
      },
    ],
  };

  test.each(["openai-chat", "openai-responses", "gemini", "cohere"] as const)(
    "%s: the passage that was quoted is told",
    (to) => {
      const { told } = answer("anthropic-messages", to, quoting);
      expect(told).toEqual([["citations.cited_text"], ["citations.cited_text"]]);
    },
  );

  test("Bedrock shows the passage", () => {
    const { body, told } = answer("anthropic-messages", "bedrock-converse", quoting);
    expect(JSON.stringify(body)).toContain('"sourceContent":[{"text":"x"}]');
    expect(told).toEqual([[], []]);
  });
});

test.each(others("anthropic-messages"))("%s is told of what a refusal was about", (to) => {
  const { told } = answer("anthropic-messages", to, {
    id: "msg",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "x" }],
    stop_reason: "refusal",
    stop_details: { type: "refusal", category: "cyber", explanation: "no" },
    usage: { input_tokens: 1, output_tokens: 1 },
  });
  for (const fields of told) expect(fields).toContain("stop_details");
});
