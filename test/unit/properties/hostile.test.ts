// No input makes a codec throw anything but its own errors, and none reaches a prototype (S45, S47).
import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { targetOf } from "../../../scripts/fidelity/bodies.ts";
import { unwrapBody, wrapBody } from "../../../src/dialects/enveloped.ts";
import { dialects } from "../../../src/dialects/index.ts";
import { recognise } from "../../../src/dialects/recognise.ts";
import type { ChatResponse, DialectId, Operation } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { createCollector, expand } from "../../../src/ir/fold.ts";
import type { Frame } from "../../../src/lib/frame.ts";
import { FramingError, type Framing } from "../../../src/lib/framing.ts";
import { JsonError, type JsonObject, scan } from "../../../src/lib/json.ts";
import {
  anyObject,
  bodyOf,
  ids,
  mutated,
  nasty,
  prototypesAreClean,
  runs,
  validAnswer,
  validRequest,
} from "./corpus.ts";

afterAll(() => expect(prototypesAreClean()).toBe(true));

const operations: readonly Operation[] = ["chat", "count-tokens", "embeddings", "rerank"];

/** Undefined where the input was refused in the right way. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof GatewayError) {
      expect(typeof error.message).toBe("string");
      return undefined;
    }
    throw error;
  }
}

const context = () => ({ model: "m", includeUsage: true, warn: () => {} });
const origin = (dialect: DialectId) => ({ dialect, provider: "p", model: "m" });

const holds = (property: fc.IProperty<never> | fc.IProperty<[JsonObject]>, count: number): void => {
  fc.assert(property as fc.IProperty<[JsonObject]>, { ...runs(count), includeErrorInReport: true });
  expect(prototypesAreClean()).toBe(true);
};

/** What nests too deep is refused before any codec sees it. */
function letIn(json: JsonObject): ReturnType<typeof bodyOf> | undefined {
  try {
    return bodyOf(json);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/** Everything that is done with a request's body. */
function readRequest(from: DialectId, json: JsonObject): void {
  const dialect = dialects[from];
  const body = letIn(json);
  if (!body) return;
  const bytes = Buffer.from(body.text);
  recognise(body.json);
  for (const operation of ["chat", "count-tokens"] as const) {
    const decoded = attempt(() => dialect.request.decode(body, operation));
    if (!decoded) continue;
    for (const to of ids) {
      const target = targetOf(to, decoded.value.messages.length % 2 === 0);
      const encoded = attempt(() => dialects[to].request.encode(decoded.value, target));
      if (encoded) expect(() => JSON.parse(encoded.body)).not.toThrow();
    }
  }
  const members = scan(bytes);
  dialect.bodyDialect?.(members);
  dialect.carriesForeign?.(bytes, { refusesReasoning: true });
  dialect.usageOption?.edits(bytes, members);
  dialect.renameModel?.(bytes, members, "other");
  const { state } = dialect;
  if (state) {
    const read = (name: string): unknown => body.json[name];
    attempt(() => state.previousId(read));
    attempt(() => state.wantsKept(read));
    attempt(() => state.inputOf(body.json));
    attempt(() => state.outputOf(body.json));
    attempt(() => state.idOf(body.json));
    attempt(() => state.goOn(bytes, [{ type: "x" }]));
  }
  for (const kind of ["embeddings", "rerank"] as const) readOperation(from, kind, body);
  for (const { envelope } of dialect.routes) {
    if (!envelope) continue;
    try {
      const plain = unwrapBody(bytes, envelope);
      wrapBody(plain.bytes, envelope, { headers: new Headers(plain.headers) });
    } catch (error) {
      const isHeader = error instanceof TypeError && /header/i.test(error.message);
      if (!(error instanceof JsonError || error instanceof GatewayError || isHeader)) throw error;
    }
  }
}

function readOperation(
  from: DialectId,
  kind: "embeddings" | "rerank",
  body: ReturnType<typeof bodyOf>,
): void {
  const codec = dialects[from][kind];
  if (!codec) return;
  const decoded = attempt(() => codec.decodeRequest(body));
  if (!decoded) return;
  for (const to of ids) {
    const other = dialects[to][kind];
    // The two kinds never mix: each is written by its own codec.
    if (other) attempt(() => other.encodeRequest(decoded.value as never, targetOf(to, false)));
  }
}

/** Everything that is done with an answer's body. */
function readAnswer(from: DialectId, json: JsonObject): void {
  const dialect = dialects[from];
  const body = letIn(json);
  if (!body) return;
  const decoded = attempt(() => dialect.response.decode(body, origin(from)));
  if (decoded) showAnswer(decoded.value);
  for (const operation of operations) dialect.usage(operation, body.json);
  for (const status of [200, 400, 429, 500]) {
    const error = dialect.error.decode(status, new Headers(), body.text);
    expect(error).toBeInstanceOf(GatewayError);
    for (const to of ids) {
      expect(() => JSON.parse(dialects[to].error.encode(error, "req_1"))).not.toThrow();
      dialects[to].error.headers?.(error);
    }
  }
  for (const kind of ["embeddings", "rerank"] as const) {
    const codec = dialect[kind];
    if (!codec) continue;
    const asked =
      kind === "embeddings"
        ? { model: "m", inputs: [{ type: "text", text: "a" }], ext: {} }
        : { model: "m", query: "q", documents: ["a", "b"], ext: {} };
    const found = attempt(() => codec.decodeResponse(body, origin(from), asked as never));
    if (!found) continue;
    for (const to of ids) {
      const other = dialects[to][kind];
      if (other)
        attempt(() => other.encodeResponse(found.value as never, asked as never, () => {}));
    }
  }
}

function showAnswer(answer: ChatResponse): void {
  for (const to of ids) {
    const text = attempt(() => dialects[to].response.encode(answer, context()));
    if (text !== undefined) expect(() => JSON.parse(text)).not.toThrow();
    const encoder = dialects[to].stream.encoder(context());
    for (const event of expand(answer)) encoder.push(event);
  }
}

/** Everything that is done with a stream's messages. */
function readFrames(from: DialectId, frames: readonly Frame[]): void {
  const decoder = dialects[from].stream.decoder(origin(from));
  const events: ChatEvent[] = [];
  for (const frame of frames) {
    events.push(...decoder.push(frame));
    dialects[from].usageOption?.isUsageOnly(frame);
    dialects[from].state?.answerIn(frame);
  }
  events.push(...decoder.end());
  const collector = createCollector();
  for (const event of events) if (event.type !== "error") collector.push(event);
  attempt(() => collector.response());
  for (const to of ids) {
    const encoder = dialects[to].stream.encoder(context());
    for (const event of events) {
      for (const frame of encoder.push(event))
        dialects[to].stream.framing.createWriter().write(frame);
    }
  }
}

describe("requests", () => {
  for (const id of ids) {
    test(`${id}: valid ones with something wrong in them`, () => {
      holds(
        fc.property(mutated(validRequest(id)), (json) => readRequest(id, json)),
        120,
      );
    });
    test(`${id}: anything`, () => {
      const any = fc.oneof(
        anyObject,
        anyObject.map((object) => ({ ...object, model: "m" })),
      );
      holds(
        fc.property(any, (json) => readRequest(id, json)),
        120,
      );
    });
  }
});

describe("answers", () => {
  for (const id of ids) {
    test(`${id}: valid ones with something wrong in them`, () => {
      holds(
        fc.property(mutated(validAnswer(id)), (json) => readAnswer(id, json)),
        100,
      );
    });
    test(`${id}: anything`, () => {
      holds(
        fc.property(anyObject, (json) => readAnswer(id, json)),
        100,
      );
    });
    test(`${id}: errors of any text`, () => {
      const word = fc.string({ unit: "binary", maxLength: 60 });
      const property = fc.property(word, fc.integer({ min: 100, max: 599 }), (text, status) => {
        const error = dialects[id].error.decode(status, new Headers(), text);
        expect(error).toBeInstanceOf(GatewayError);
        for (const to of ids) JSON.parse(dialects[to].error.encode(error, "req_1"));
      });
      fc.assert(property, { ...runs(60), includeErrorInReport: true });
    });
  }
});

/** The frames of a valid answer in a wire's own stream. */
const framesOf = (id: DialectId, answer: JsonObject): Frame[] => {
  const decoded = attempt(() => dialects[id].response.decode(bodyOf(answer), origin(id)));
  const encoder = dialects[id].stream.encoder(context());
  return decoded ? expand(decoded.value).flatMap((event) => encoder.push(event)) : [];
};

const deepText = `${'{"a":['.repeat(5_000)}${"]}".repeat(5_000)}`;

/** A stream whose messages are lost, doubled, out of order or changed. */
const brokenStream = (id: DialectId): fc.Arbitrary<Frame[]> =>
  fc
    .tuple(
      validAnswer(id).map((answer) => framesOf(id, answer)),
      fc.array(fc.tuple(fc.nat(), fc.nat(), nasty), { minLength: 1, maxLength: 4 }),
    )
    .chain(([frames, changes]) => {
      const list = [...frames];
      for (const [at, kind, value] of changes) {
        const index = at % Math.max(1, list.length);
        const frame = list[index];
        if (!frame) continue;
        if (kind % 4 === 0) list.splice(index, 1);
        else if (kind % 4 === 1) list.splice(index, 0, frame);
        else if (kind % 4 === 2) {
          list[index] = {
            ...frame,
            data: typeof value === "string" ? value : JSON.stringify(value),
          };
        }
      }
      const parsed = list.map((frame) => {
        try {
          const json: unknown = JSON.parse(frame.data);
          return typeof json === "object" && json !== null ? (json as JsonObject) : null;
        } catch {
          return null;
        }
      });
      const changed = list.map((frame, index) => {
        const json = parsed[index];
        return json
          ? fc.oneof(
              { weight: 4, arbitrary: fc.constant(frame) },
              {
                weight: 1,
                arbitrary: mutated(fc.constant(json)).map((other) => ({
                  ...frame,
                  data: JSON.stringify(other),
                })),
              },
            )
          : fc.constant(frame);
      });
      return fc.tuple(...changed).map((all) => [...all]);
    });

describe("streams", () => {
  for (const id of ids) {
    test(`${id}: valid ones with something wrong in them`, () => {
      fc.assert(
        fc.property(brokenStream(id), (frames) => readFrames(id, frames)),
        { ...runs(80), includeErrorInReport: true },
      );
    });
    test(`${id}: anything`, () => {
      const data = fc.oneof(
        anyObject.map((object) => JSON.stringify(object)),
        fc.string({ unit: "binary" }),
        fc.constantFrom("", "[DONE]", "null", "1", deepText),
      );
      const frame = fc.record({
        event: fc.constantFrom(undefined, "message_start", "error", "chunk", "messageStop", "x"),
        data,
      });
      fc.assert(
        fc.property(fc.array(frame, { maxLength: 6 }), (frames) => readFrames(id, frames)),
        { ...runs(60), includeErrorInReport: true },
      );
    });
  }
});

describe("framings", () => {
  const framings = new Map<string, Framing>();
  for (const id of ids) {
    const { framing, framingFor } = dialects[id].stream;
    framings.set(framing.id, framing);
    const other = framingFor?.(new URL("http://x/?alt=json"));
    if (other) framings.set(other.id, other);
    for (const { envelope } of dialects[id].routes) {
      if (envelope?.framing) framings.set(envelope.framing.id, envelope.framing);
    }
  }
  for (const [name, framing] of framings) {
    test(`${name}: any bytes, in any pieces`, () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .string({ unit: "binary", maxLength: 200 })
          .map((text) => new Uint8Array(Buffer.from(text))),
        anyObject.map((json) => {
          const writer = framing.createWriter();
          const whole = Buffer.concat([
            writer.write({ event: "x", data: JSON.stringify(json) }),
            writer.end(),
          ]);
          // One bit is wrong.
          if (whole.length > 0) whole[whole.length >> 1] = (whole[whole.length >> 1] ?? 0) ^ 4;
          return new Uint8Array(whole);
        }),
      );
      const property = fc.property(bytes, fc.array(fc.nat(200), { maxLength: 4 }), (all, cuts) => {
        const splitter = framing.createSplitter();
        const places = [0, ...cuts.toSorted((one, other) => one - other), all.length];
        try {
          const blocks = places
            .slice(1)
            .flatMap((end, at) => splitter.push(all.subarray(places[at] ?? 0, end)));
          const rest = splitter.end();
          for (const block of [...blocks, ...(rest ? [rest] : [])]) framing.parse(block);
        } catch (error) {
          if (!(error instanceof FramingError)) throw error;
        }
      });
      fc.assert(property, { ...runs(300), includeErrorInReport: true });
    });
  }
});
