// S31: which answers are kept, and that each is given again in either form, in every dialect.
import { describe, expect, test } from "bun:test";
import {
  faultOf,
  faultOfEnds,
  readChat,
  type Reader,
  replay,
  type Wire,
  write,
} from "../../../src/cache/reading.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatResponse, DialectId, FinishReason, Part } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { createUsage } from "../../../src/ir/usage.ts";
import type { CachedAnswer } from "../../../src/store/cached-answers.ts";

const ids = Object.keys(dialects) as DialectId[];
const call: Part = {
  type: "tool-call",
  id: "call_1",
  name: "f",
  args: '{"a":1}',
  executor: "client",
};

const response = (reason: FinishReason = "stop", parts?: Part[]): ChatResponse => ({
  id: "answer_1",
  model: "m-1",
  createdMs: 1_700_000_000_000,
  candidates: [{ parts: parts ?? [{ type: "text", text: "Hello there" }], finish: { reason } }],
  usage: createUsage({ total: 3 }, { total: 2 }),
});

const readerOf = (id: DialectId, stream: boolean, includeUsage = true): Reader => ({
  dialect: dialects[id],
  operation: "chat",
  framing: dialects[id].stream.framing,
  stream,
  includeUsage,
  context: () => ({ model: "main", includeUsage, warn: () => {} }),
});

function kept(
  answer: ChatResponse,
  reader: Reader,
  changes: Partial<CachedAnswer> = {},
): CachedAnswer {
  return {
    key: "k",
    atMs: 0,
    expiresMs: 1,
    requestId: "req_1",
    route: "main",
    provider: "up",
    model: "m-1",
    form: reader.stream ? "stream" : "whole",
    contentType: reader.stream ? reader.framing.contentType : "application/json",
    hasUsage: reader.includeUsage,
    usage: createUsage({ total: 3 }, { total: 2 }),
    costNanos: 0n,
    owner: { keyId: null, keyName: null, userId: null, organizationId: null, endUser: null },
    body: write(answer, reader),
    ...changes,
  };
}

const textOf = ({ candidates }: ChatResponse): string =>
  candidates
    .flatMap(({ parts }) => parts)
    .map((part) => ("text" in part ? part.text : ""))
    .join("");

const strict = { toolCalls: false };

describe.each(ids)("%s", (id) => {
  const whole = readerOf(id, false);
  const stream = readerOf(id, true);

  test.each([whole, stream])("the same form: the same bytes", (reader) => {
    const answer = kept(response(), reader);
    expect(faultOf(answer, reader, strict)).toBeNull();
    expect(replay(answer, reader)).toBe(answer.body);
  });

  test("kept as a stream, given as a whole, with what it used", () => {
    const answer = kept(response(), stream);
    const body = replay(answer, whole);
    const read = readChat({ ...answer, form: "whole", usage: null, body }, whole);
    expect(textOf(read)).toBe("Hello there");
    expect(read.candidates[0]?.finish.reason).toBe("stop");
    expect(read.usage).toMatchObject({ input: { total: 3 }, output: { total: 2 } });
  });

  test("kept as a whole, given as a stream that comes to its end", () => {
    const answer = kept(response(), whole);
    const body = replay(answer, stream);
    const again = { ...answer, form: "stream" as const, usage: null, body };
    expect(faultOf(again, stream, strict)).toBeNull();
    expect(textOf(readChat(again, stream))).toBe("Hello there");
  });

  test("S31: what was cut, filtered or refused is not kept", () => {
    for (const reader of [whole, stream]) {
      for (const reason of ["length", "content-filter"] as const) {
        // Ollama's wire has no word for a filter: there the provider's own counts.
        const fault =
          faultOf(kept(response(reason), reader), reader, strict) ?? faultOfEnds([reason], strict);
        expect([reader.stream, reason, fault]).toEqual([reader.stream, reason, "unfinished"]);
      }
    }
  });

  test("S31: calls of tools only where they are wished", () => {
    for (const reader of [whole, stream]) {
      const answer = kept(response("tool-calls", [call]), reader);
      expect(faultOf(answer, reader, strict)).toBe("tool_calls");
      expect(faultOf(answer, reader, { toolCalls: true })).toBeNull();
    }
  });

  test("S31: a stream that breaks off anywhere is not kept", () => {
    const { body, ...rest } = kept(response(), stream);
    for (const share of [0, 0.2, 0.5, 0.8]) {
      const cut = { ...rest, body: body.subarray(0, Math.floor(body.length * share)) };
      expect([share, faultOf(cut, stream, strict)]).not.toEqual([share, null]);
    }
  });

  test("S31: a stream that ends in an error is not kept", () => {
    const { dialect, framing } = stream;
    const encoder = dialect.stream.encoder(stream.context());
    const writer = framing.createWriter();
    const events = [
      { type: "start", id: "a", model: "m" },
      { type: "part-start", candidate: 0, index: 0, part: { type: "text", text: "" } },
      { type: "part-delta", candidate: 0, index: 0, delta: { type: "text", text: "Hel" } },
      { type: "error", error: new GatewayError("upstream_unavailable", "It broke off.") },
    ] as const;
    const frames = events.flatMap((event) => encoder.push(event));
    const body = Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]);
    expect(faultOf(kept(response(), stream, { body }), stream, strict)).not.toBeNull();
  });

  test.each(["", "{", "[]", '"text"', "<html>", '{"error":{"message":"no"}}', "\0"])(
    "S31: what is no answer is not kept: %p",
    (text) => {
      for (const reader of [whole, stream]) {
        const answer = kept(response(), reader, { body: Buffer.from(text) });
        expect(faultOf(answer, reader, strict)).not.toBeNull();
      }
    },
  );
});

test("a client that wants no usage in its stream gets none, and one that does gets it", () => {
  const bare = readerOf("openai-chat", true, false);
  const told = readerOf("openai-chat", true, true);
  const usageIn = (body: Uint8Array): boolean =>
    Buffer.from(body).toString().includes('"prompt_tokens":3');
  const silent = kept(response(), bare);
  expect(usageIn(silent.body)).toBe(false);
  expect(usageIn(replay(silent, told))).toBe(true);
  expect(usageIn(replay(kept(response(), told), bare))).toBe(false);
});

test("a wire with two framings: kept in one, given in the other", () => {
  const { framing: events, ...sse } = readerOf("gemini", true);
  const array = dialects.gemini.stream.framingFor?.(new URL("http://localhost/"));
  if (!array) throw new Error("there is one framing only");
  const other: Reader = { ...sse, framing: array };
  const answer = kept(response(), other);
  expect(Buffer.from(answer.body).toString().trimStart().startsWith("[")).toBe(true);
  const given = replay(answer, { ...sse, framing: events });
  expect(Buffer.from(given).toString().startsWith("data: ")).toBe(true);
  expect(faultOf({ ...answer, body: given }, { ...sse, framing: events }, strict)).toBeNull();
  const back = replay(kept(response(), { ...sse, framing: events }), other);
  expect(JSON.parse(Buffer.from(back).toString())).toBeArray();
});

describe("what is no chat", () => {
  const wire: Wire = { ...readerOf("openai-chat", false), operation: "embeddings" };
  const of = (text: string) =>
    faultOf(
      kept(response(), readerOf("openai-chat", false), { body: Buffer.from(text) }),
      wire,
      strict,
    );

  test("is kept where it is an object without an error", () => {
    expect(of('{"data":[],"error":null}')).toBeNull();
    expect(of('{"error":{"message":"no"}}')).toBe("broken");
    expect(of("[]")).toBe("unreadable");
    expect(of("")).toBe("unreadable");
  });
});
