// What a codec reads it can write again, and a stream reads the same however it is cut (R05).
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { models, targetOf } from "../../../scripts/fidelity/bodies.ts";
import { dialects } from "../../../src/dialects/index.ts";
import type { ChatRequest, ChatResponse, DialectId } from "../../../src/ir/chat.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import type { ChatEvent } from "../../../src/ir/event.ts";
import { expand } from "../../../src/ir/fold.ts";
import type { Framing } from "../../../src/lib/framing.ts";
import type { JsonObject } from "../../../src/lib/json.ts";
import { bodyOf, ids, runs, validAnswer, validRequest } from "./corpus.ts";

const origin = (dialect: DialectId) => ({
  dialect,
  provider: models[dialect].provider,
  model: "m",
});

/** What the gateway makes up, and where something was written. */
const unsaid = new Set(["place", "createdMs"]);

/** Plain data without that. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, item: unknown) => (unsaid.has(key) ? undefined : item)).replaceAll(
      /_01[0-9a-f]{30}/g,
      "_id",
    ),
  );

/** A request's meaning: messages of one speaker that follow each other are one to some wires. */
function meant({ stream: _stream, account, messages, ...rest }: ChatRequest): unknown {
  const joined: { role: string; parts: unknown[] }[] = [];
  for (const { role, parts, name, ext } of messages) {
    const last = joined.at(-1);
    if (last?.role === role) last.parts.push({ name, ext }, ...parts);
    else joined.push({ role, parts: [{ name, ext }, ...parts] });
  }
  // Where one of the two names of a user was given, it stands for both.
  const { safetyIdentifier, ...others } = account ?? {};
  const isUser = safetyIdentifier === undefined || safetyIdentifier === rest.user;
  const kept = isUser ? others : account;
  const speakers = joined.map(({ role, parts }) => ({
    role,
    parts: parts.filter((part) => JSON.stringify(part) !== "{}"),
  }));
  return plain({
    ...rest,
    messages: speakers,
    account: kept && Object.keys(kept).length > 0 ? kept : undefined,
  });
}

/** A merged request may say what no server would take: that is refused. */
function read(id: DialectId, json: JsonObject): { value: ChatRequest; lost: number } | undefined {
  try {
    const { value, warnings } = dialects[id].request.decode(bodyOf(json), "chat");
    return { value, lost: warnings.length };
  } catch (error) {
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}

/** Models that take all that their wire has, where older ones do not. */
const newest: Partial<Record<DialectId, string>> = { gemini: "gemini-3-pro-preview" };

describe("requests there and back", () => {
  for (const id of ids) {
    test(`${id}: what was read is written, and read the same`, () => {
      let compared = 0;
      const property = fc.property(validRequest(id), (json) => {
        const first = read(id, { ...json, ...(newest[id] && { model: newest[id] }) });
        if (!first) return;
        const target = { ...targetOf(id, true), model: newest[id] ?? first.value.model };
        const encoded = dialects[id].request.encode(first.value, target);
        const lost = first.lost + encoded.warnings.length;
        const again = JSON.parse(encoded.body) as JsonObject;
        const second = read(id, { ...again, model: first.value.model });
        expect(second).toBeDefined();
        // What is lost between a wire and itself is told: a vendor that refuses its own field.
        if (lost > 0 || !second) return;
        compared += 1;
        expect(meant(second.value)).toEqual(meant(first.value));
      });
      fc.assert(property, { ...runs(150), includeErrorInReport: true });
      expect(compared).toBeGreaterThan(60);
    });
  }

  for (const from of ids) {
    test(`${from}: what was written for another wire is stable there`, () => {
      const property = fc.property(
        validRequest(from),
        fc.constantFrom(...ids.filter((id) => id !== from)),
        (json, to) => {
          const asked = read(from, json);
          if (!asked) return;
          const target = targetOf(to, true);
          let body: JsonObject;
          try {
            body = JSON.parse(dialects[to].request.encode(asked.value, target).body) as JsonObject;
          } catch (error) {
            if (error instanceof GatewayError) return;
            throw error;
          }
          // What the gateway itself writes it must be able to read, without anything unknown in it.
          const back = read(to, { ...body, model: target.model });
          expect(back).toBeDefined();
          if (!back) return;
          const written = dialects[to].request.encode(back.value, target);
          const third = read(to, {
            ...(JSON.parse(written.body) as JsonObject),
            model: target.model,
          });
          if (written.warnings.length > 0 || !third) return;
          expect(meant(third.value)).toEqual(meant(back.value));
        },
      );
      fc.assert(property, { ...runs(100), includeErrorInReport: true });
    });
  }
});

const contextOf = (warn: () => void) => ({ model: "m", includeUsage: true, warn });

describe("answers there and back", () => {
  for (const id of ids) {
    test(`${id}: what was read is shown, and read the same`, () => {
      const property = fc.property(validAnswer(id), (json) => {
        const first = dialects[id].response.decode(bodyOf(json), origin(id)).value;
        let lost = 0;
        const text = dialects[id].response.encode(
          first,
          contextOf(() => {
            lost += 1;
          }),
        );
        const second = dialects[id].response.decode(
          { json: JSON.parse(text) as JsonObject, text },
          origin(id),
        ).value;
        expect(lost).toBe(0);
        expect(meaningOf(second)).toEqual(meaningOf(first));
      });
      fc.assert(property, { ...runs(100), includeErrorInReport: true });
    });
  }
});

/** All but made-up ids and the provider's own words for usage. */
function meaningOf({ candidates, usage }: ChatResponse): unknown {
  const { raw: _raw, ...counted } = usage ?? {};
  return plain({ candidates, usage: counted });
}

const framings = (id: DialectId): Framing[] => {
  const { framing, framingFor } = dialects[id].stream;
  const others = [
    framingFor?.(new URL("http://x/?alt=json")),
    ...dialects[id].routes.map(({ envelope }) => envelope?.framing),
  ];
  return [...new Set([framing, ...others.flatMap((other) => other ?? [])])];
};

function bytesOf(id: DialectId, framing: Framing, answer: ChatResponse): Uint8Array {
  const encoder = dialects[id].stream.encoder(contextOf(() => {}));
  const writer = framing.createWriter();
  const frames = expand(answer).flatMap((event) => encoder.push(event));
  return Buffer.concat([...frames.map((frame) => writer.write(frame)), writer.end()]);
}

function eventsOf(id: DialectId, framing: Framing, pieces: readonly Uint8Array[]): ChatEvent[] {
  const splitter = framing.createSplitter();
  const decoder = dialects[id].stream.decoder(origin(id));
  const push = (block: Uint8Array): ChatEvent[] => {
    const frame = framing.parse(block);
    return frame ? decoder.push(frame) : [];
  };
  // A server may cut its buffer and use it again: each piece is a copy.
  const events = pieces.flatMap((piece) => splitter.push(Uint8Array.from(piece)).flatMap(push));
  const rest = splitter.end();
  return [...events, ...(rest ? push(rest) : []), ...decoder.end()];
}

describe("streams cut anywhere", () => {
  for (const id of ids) {
    for (const framing of framings(id)) {
      test(`${id}, ${framing.id}: the same events`, () => {
        const property = fc.property(
          validAnswer(id),
          fc.array(fc.nat(), { maxLength: 8 }),
          (json, cuts) => {
            const answer = dialects[id].response.decode(bodyOf(json), origin(id)).value;
            const bytes = bytesOf(id, framing, answer);
            const whole = plain(eventsOf(id, framing, [bytes]));
            const places = [
              ...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length]),
            ].toSorted((one, other) => one - other);
            const pieces = places.slice(1).map((end, at) => bytes.subarray(places[at], end));
            expect(plain(eventsOf(id, framing, pieces))).toEqual(whole);
            const single = Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1));
            expect(plain(eventsOf(id, framing, single))).toEqual(whole);
          },
        );
        fc.assert(property, { ...runs(40), includeErrorInReport: true });
      });
    }
  }
});
