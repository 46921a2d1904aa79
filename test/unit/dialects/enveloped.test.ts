// Anthropic's Messages in the envelopes of Bedrock and Vertex: byte-exact both ways.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  bedrockInvoke,
  envelopedRoutes,
  vertexCount,
  vertexRaw,
} from "../../../src/dialects/anthropic-messages/envelopes.ts";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import type { Envelope } from "../../../src/dialects/envelope.ts";
import { demandDialect, unwrapBody, wrapBody } from "../../../src/dialects/enveloped.ts";
import { JsonError, scan } from "../../../src/lib/json.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "utf8");
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

function wrapped(text: string, envelope: Envelope, given: Record<string, string> = {}) {
  const headers = new Headers(given);
  const lost: string[] = [];
  const body = wrapBody(bytesOf(text), envelope, {
    headers,
    settings: { project_id: "p-1" },
    warn: (field) => lost.push(field),
  });
  return { body: textOf(body), headers: Object.fromEntries(headers), lost };
}

const betas = { "anthropic-beta": "effort-2025-11-24" };

describe("wrap", () => {
  test.each<[name: string, envelope: Envelope, plain: string, expected: string]>([
    [
      "Bedrock: the path says the model and the stream",
      bedrockInvoke,
      '{"model":"m","max_tokens":1,"stream":true,"messages":[]}',
      '{"anthropic_version":"bedrock-2023-05-31","max_tokens":1,"messages":[]}',
    ],
    [
      "Bedrock: spelling, spaces and numbers stay",
      bedrockInvoke,
      '{ "max_tokens" : 1.0e1 ,\n\t"model":"m" , "messages":[{"a":1.10}]\n}',
      '{ "anthropic_version":"bedrock-2023-05-31","max_tokens" : 1.0e1 ,\n\t"messages":[{"a":1.10}]\n}',
    ],
    [
      "Bedrock: a version of the client's own gives way",
      bedrockInvoke,
      '{"anthropic_version": "2023-06-01", "messages":[]}',
      '{"anthropic_version": "bedrock-2023-05-31", "messages":[]}',
    ],
    [
      "Bedrock: nothing but what goes",
      bedrockInvoke,
      '{ "model" : "m" }',
      '{  "anthropic_version":"bedrock-2023-05-31"}',
    ],
    [
      "Vertex: the stream stays in the body",
      vertexRaw,
      '{"stream":true,"messages":[], "model":"m"}',
      '{"anthropic_version":"vertex-2023-10-16","stream":true,"messages":[]}',
    ],
    [
      "Vertex: counting says the model in the body",
      vertexCount,
      '{"model":"m","messages":[]}',
      '{"anthropic_version":"vertex-2023-10-16","model":"m","messages":[]}',
    ],
  ])("%s", (_name, envelope, plain, expected) => {
    expect(wrapped(plain, envelope).body).toBe(expected);
  });

  test("Bedrock: betas move into the body, those that it refuses are told", () => {
    const given = {
      "anthropic-beta": "effort-2025-11-24, claude-code-20250219,interleaved-thinking-2025-05-14",
      "x-other": "1",
    };
    const { body, headers, lost } = wrapped('{"max_tokens":1}', bedrockInvoke, given);
    expect(body).toBe(
      '{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["effort-2025-11-24","interleaved-thinking-2025-05-14"],"max_tokens":1}',
    );
    expect(headers).toEqual({ "x-other": "1" });
    expect(lost).toEqual(["anthropic-beta: claude-code-20250219"]);
  });

  test("Bedrock: betas of both forms become one list without doubles", () => {
    const plain = '{"anthropic_beta":["a","effort-2025-11-24"],"max_tokens":1}';
    expect(wrapped(plain, bedrockInvoke, betas).body).toBe(
      '{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","effort-2025-11-24"],"max_tokens":1}',
    );
  });

  test("Vertex: betas stay in their header", () => {
    const given = { "anthropic-beta": "interleaved-thinking-2025-05-14,fast-mode-2026-02-01" };
    const { body, headers } = wrapped('{"max_tokens":1}', vertexRaw, given);
    expect(body).toBe('{"anthropic_version":"vertex-2023-10-16","max_tokens":1}');
    expect(headers).toEqual({ "anthropic-beta": "interleaved-thinking-2025-05-14" });
  });

  test("only refused betas leave neither header nor member", () => {
    const { body, headers } = wrapped("{}", bedrockInvoke, { "anthropic-beta": "nope-2020-01-01" });
    expect(body).toBe('{"anthropic_version":"bedrock-2023-05-31"}');
    expect(headers).toEqual({});
  });

  test("renamed members and settings", () => {
    const envelope: Envelope = {
      id: "test",
      omits: [],
      renames: { model: "model_id" },
      adds: { project_id: "{project_id}", space_id: "{space_id}", flag: true },
    };
    expect(wrapped('{"model" : "m", "x":1}', envelope).body).toBe(
      '{"project_id":"p-1","flag":true,"model_id" : "m", "x":1}',
    );
    expect(textOf(unwrapBody(bytesOf('{"project_id":"p","model_id" : "m"}'), envelope).bytes)).toBe(
      '{"model" : "m"}',
    );
  });

  test("a name that stands twice is refused", () => {
    expect(() => wrapped('{"model":"a","model":"b"}', bedrockInvoke)).toThrow(JsonError);
    expect(() => unwrapBody(bytesOf('{"a":1,"a":2}'), bedrockInvoke)).toThrow(JsonError);
  });
});

describe("unwrap", () => {
  test.each<[name: string, envelope: Envelope, given: string, expected: string]>([
    [
      "Bedrock",
      bedrockInvoke,
      '{ "anthropic_version":"bedrock-2023-05-31" , "max_tokens": 1.0,"messages":[ ] }',
      '{ "max_tokens": 1.0,"messages":[ ] }',
    ],
    ["last of all", bedrockInvoke, '{"a":1 , "anthropic_version":"x" }', '{"a":1 }'],
    ["alone", bedrockInvoke, '{ "anthropic_version":"x" }', "{  }"],
    ["Vertex", vertexRaw, '{"stream":true,"anthropic_version":"v"}', '{"stream":true}'],
  ])("%s", (_name, envelope, given, expected) => {
    expect(textOf(unwrapBody(bytesOf(given), envelope).bytes)).toBe(expected);
  });

  test.each([
    ["a list", '["a","b"]', { "anthropic-beta": "a,b" }],
    ["a text", '"a, b"', { "anthropic-beta": "a,b" }],
    ["an empty list", "[]", {}],
    ["another type", "7", {}],
    ["a list with other items", '["a",1,null]', { "anthropic-beta": "a" }],
  ])("betas in the body as %s become the header", (_name, value, headers) => {
    const plain = unwrapBody(bytesOf(`{"anthropic_beta":${value},"max_tokens":1}`), bedrockInvoke);
    expect(plain.headers).toEqual(headers as Record<string, string>);
    expect(textOf(plain.bytes)).toBe('{"max_tokens":1}');
  });

  test("what was wrapped comes back byte for byte", () => {
    const key = fc.stringMatching(/^[a-z]{1,8}$/);
    const space = fc.constantFrom("", " ", "\n\t", "  ");
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 }),
        space,
        (members, gap) => {
          const pairs = Object.entries(members).map(
            ([name, value]) => `${gap}"${name}"${gap}:${gap}${JSON.stringify(value)}${gap}`,
          );
          const text = `{${pairs.join(",")}}`;
          for (const envelope of [bedrockInvoke, vertexRaw]) {
            const bytes = wrapBody(
              bytesOf(text),
              { ...envelope, omits: [] },
              { headers: new Headers(betas) },
            );
            expect(textOf(unwrapBody(bytes, envelope).bytes)).toBe(text);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("routes", () => {
  test("Bedrock's two, Vertex's three under three prefixes", () => {
    expect(envelopedRoutes).toHaveLength(11);
    expect(anthropicMessages.routes).toHaveLength(13);
    const paths = envelopedRoutes.map(({ path }) => path);
    expect(paths).toContain("/model/{model}/invoke-with-response-stream");
    expect(paths).toContain(
      "/v1beta1/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:streamRawPredict",
    );
    expect(paths).toContain(
      "/projects/{project}/locations/{location}/publishers/anthropic/models/count-tokens:rawPredict",
    );
    const counts = envelopedRoutes.filter(({ operation }) => operation === "count-tokens");
    expect(counts.map(({ envelope }) => envelope?.omits)).toEqual([[], [], []]);
  });

  test.each([
    ["Titan", '{"inputText":"hi","textGenerationConfig":{}}', "messages"],
    ["Llama", '{"prompt":"hi","max_gen_len":5}', "messages"],
    ["Nova", '{"schemaVersion":"messages-v1","messages":[]}', "anthropic_version"],
  ])("a body of %s is refused where it must be translated", (_name, body, param) => {
    expect(() => demandDialect(scan(bytesOf(body)), bedrockInvoke)).toThrow(
      expect.objectContaining({ code: "invalid_request", param }),
    );
  });

  test("an Anthropic body is not", () => {
    const body = '{"anthropic_version":"bedrock-2023-05-31","messages":[]}';
    demandDialect(scan(bytesOf(body)), bedrockInvoke);
    demandDialect(scan(bytesOf("{}")), vertexRaw);
  });
});

describe("streams on Bedrock", () => {
  const framing = bedrockInvoke.framing;

  test.each([
    ["overloaded_error", "serviceUnavailableException"],
    ["rate_limit_error", "throttlingException"],
    ["invalid_request_error", "validationException"],
    ["api_error", "internalServerException"],
    ["never_heard_of", "internalServerException"],
  ])("an error of type %s ends them as AWS's %s", (type, exception) => {
    const data = JSON.stringify({ type: "error", error: { type, message: "no luck" } });
    const block = framing?.createWriter().write({ event: "error", data });
    expect(block && framing?.parse(block)).toEqual({
      event: exception,
      data: '{"message":"no luck"}',
      exception: true,
    });
  });

  test.each([
    ["throttlingException", "upstream_rate_limited"],
    ["validationException", "upstream_rejected"],
    ["modelStreamErrorException", "upstream_unavailable"],
    ["modelTimeoutException", "upstream_timeout"],
    ["newException", "upstream_unavailable"],
  ])("AWS's %s is read as %s", (event, code) => {
    const decoder = anthropicMessages.stream.decoder({ dialect: "anthropic-messages" });
    const events = decoder.push({ event, data: '{"message":"no luck"}', exception: true });
    expect(events).toEqual([
      { type: "error", error: expect.objectContaining({ code, message: "no luck" }) },
    ]);
    expect(decoder.end()).toEqual([]);
  });
});
