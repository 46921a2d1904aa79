// OpenAI's form of embeddings against its vendor's SDK and against what five providers answered in it.
import { describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { Body, Target } from "../../src/dialects/dialect.ts";
import { openaiChat } from "../../src/dialects/openai-chat/index.ts";
import { createUsage } from "../../src/ir/usage.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { createDialectFetch } from "../support/dialect-fetch.ts";
import { recordedIn } from "../support/recorded.ts";

describe("the vendor's SDK, which asks for base64", () => {
  const encodings: (string | undefined)[] = [];
  const { fetch } = createDialectFetch(openaiChat, {
    embed({ inputs, encoding }) {
      encodings.push(encoding);
      return {
        model: "e",
        vectors: inputs.map((_, index) => [index, -0.5, 0.100000001490116]),
        usage: createUsage({ total: 7 }),
      };
    },
  });
  const client = new OpenAI({ apiKey: "k", baseURL: "http://gateway.test/v1", fetch });

  test("gets numbers all the same", async () => {
    const answer = await client.embeddings.create({ model: "m", input: ["a", "b"] });
    expect(encodings).toEqual(["base64"]);
    expect(answer.usage).toEqual({ prompt_tokens: 7, total_tokens: 7 });
    expect(
      answer.data.map(({ embedding }) => Array.from(embedding, (value) => Math.fround(value))),
    ).toEqual([
      [0, -0.5, Math.fround(0.1)],
      [1, -0.5, Math.fround(0.1)],
    ]);
  });

  test("and numbers where it asks for them", async () => {
    const answer = await client.embeddings.create({
      model: "m",
      input: "a",
      encoding_format: "float",
    });
    expect(answer.data[0]?.embedding).toEqual([0, -0.5, 0.100000001490116]);
  });
});

const bodyOf = (json: JsonObject): Body => ({ json, text: JSON.stringify(json) });

/** What Mistral and Voyage call things. */
const quirks: Target["quirks"] = {
  rename: { dimensions: "output_dimension" },
  embeddings: {
    dtype: "output_dtype",
    purpose: { field: "input_type", words: { query: "query", document: "document" } },
    truncation: "truncation",
  },
};

const names = ["openai.openai", "azure.openai", "vllm.openai", "mistral.mistral", "voyage.voyage"];
const records = recordedIn(
  "embeddings",
  names.map((name) => `${name}.embeddings`),
);
const answered = records.filter(({ response }) => response.status === 200);

describe(`recorded embeddings (${records.length})`, () => {
  for (const { id, file, request, response } of answered) {
    test(`${file} ${id}`, () => {
      const codec = openaiChat.embeddings;
      const body = response.body as JsonObject;
      const data = (body["data"] as JsonObject[]).filter(isObject);
      if (!codec) throw new Error("no embeddings");
      const known: JsonObject = request?.body ?? { model: "m", input: data.map(() => "text") };
      const { value } = codec.decodeRequest(bodyOf(known));
      const target = { provider: "recorded", model: value.model, quirks, facts: {} };
      const encoded = codec.encodeRequest(value, target);
      const said = Object.entries(known).filter(([, item]) => item !== null);
      expect(JSON.parse(encoded.body)).toEqual(Object.fromEntries(said));
      expect(encoded.warnings).toEqual([]);
      const answer = codec.decodeResponse(bodyOf(body), { dialect: "openai-chat" }, value).value;
      const shown: JsonObject = JSON.parse(codec.encodeResponse(answer, value, () => {}));
      const vectorsIn = (list: unknown): unknown =>
        (list as JsonObject[]).map(({ index, embedding }) => [index, embedding]);
      expect(vectorsIn(shown["data"])).toEqual(vectorsIn(data));
      const usage = body["usage"] as JsonObject;
      expect(answer.usage?.input.total).toBe(
        (usage["prompt_tokens"] ?? usage["total_tokens"]) as never,
      );
      expect(answer.usage?.output.total).toBe(0);
      expect(answer.model).toBe(String(body["model"]));
    });
  }

  for (const { id, file, response } of records) {
    if (response.status === 200) continue;
    test(`${file} ${id}: an error`, () => {
      const text = JSON.stringify(response.body);
      const error = openaiChat.error.decode(response.status, new Headers(), text);
      expect(["upstream_rejected", "upstream_auth"]).toContain(error.code);
      expect(error.message).not.toContain("without saying why");
    });
  }
});

test("counts", () => {
  console.log(
    `embeddings in OpenAI's form: ${answered.length} answers, ${records.length - answered.length} errors`,
  );
  expect(records.length).toBeGreaterThan(0);
});
