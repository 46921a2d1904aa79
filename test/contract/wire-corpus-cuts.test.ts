// Every recorded stream cut anywhere: the same events, and the same bytes out of the pump (R05).
import { describe, expect, test } from "bun:test";
import type { Outbound } from "../../src/pipeline/outbound.ts";
import { bedrockInvoke } from "../../src/dialects/anthropic-messages/envelopes.ts";
import { dialects } from "../../src/dialects/index.ts";
import type { Framing } from "../../src/lib/framing.ts";
import type { EgressResponse } from "../../src/egress.ts";
import type { DialectId, Origin } from "../../src/ir/chat.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { type GatewayError, toGatewayError } from "../../src/ir/error.ts";
import { createClient } from "../../src/pipeline/client.ts";
import { openStream } from "../../src/pipeline/respond.ts";
import {
  bytesOf,
  type Exchange,
  exchangesOf,
  isStreamed,
  type Wire,
} from "../support/wire/exchange.ts";
import { dialectIds } from "../support/wire/clients.ts";
import { withoutMadeUp } from "../support/wire/made-up.ts";
import { payloadsOf } from "../support/wire/payloads.ts";
import { randomPieces, singleBytes } from "../support/wire/random.ts";
import { createTally } from "../support/wire/tally.ts";

const corpora = [...dialectIds, "bedrock-invoke" as const].map((wire) => ({
  wire,
  streams: exchangesOf(wire).filter(isStreamed),
}));

const seeds = ["first", "second", "third"];

describe("a stream cut anywhere", () => {
  for (const { wire, streams } of corpora) {
    test(`${wire}: at every byte and at random, the same events (${streams.length} streams)`, () => {
      const tally = createTally(`${wire} decoded from cuts`);
      for (const exchange of streams) {
        const bytes = bytesOf(exchange);
        const whole = plain(decode(wire, [bytes]));
        const cuts = { "at every byte": singleBytes(bytes), ...randomCuts(bytes, exchange.id) };
        const wrong = Object.entries(cuts).find(
          ([, pieces]) => plain(decode(wire, pieces)) !== whole,
        );
        tally.add(exchange, wrong ? { fault: `other events when cut ${wrong[0]}` } : {});
      }
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }

  for (const { wire, streams } of corpora) {
    for (const client of dialectIds) {
      const sample = sampleOf(streams);
      test(`${wire} to ${client}: the same bytes leave the pump (${sample.length} streams)`, async () => {
        const tally = createTally(`${wire} to ${client}, pumped in cuts`);
        for (const exchange of sample) {
          tally.add(exchange, await checkPump(exchange, wire, client));
        }
        tally.print();
        expect(tally.faults).toEqual([]);
      });
    }
  }
});

/** All of a small corpus; of a large one enough to cover every file. */
function sampleOf(streams: readonly Exchange[]): readonly Exchange[] {
  const step = Math.max(1, Math.floor(streams.length / 40));
  return streams.filter((_, at) => at % step === 0);
}

/** What a wire's streams are in, and how they are cut. */
const dialectOf = (wire: Wire): DialectId =>
  wire === "bedrock-invoke" ? "anthropic-messages" : wire;
const framingOf = (wire: Wire): Framing =>
  (wire === "bedrock-invoke" ? bedrockInvoke.framing : undefined) ??
  dialects[dialectOf(wire)].stream.framing;

const randomCuts = (bytes: Uint8Array, id: string): Record<string, Uint8Array[]> =>
  Object.fromEntries(
    seeds.map((seed) => [`at random (${seed})`, randomPieces(bytes, `${id} ${seed}`)]),
  );

const originOf = (dialect: DialectId): Origin => ({ dialect, provider: "recorded", model: "any" });

function decode(wire: Wire, pieces: readonly Uint8Array[]): ChatEvent[] {
  const framing = framingOf(wire);
  const splitter = framing.createSplitter();
  const decoder = dialects[dialectOf(wire)].stream.decoder(originOf(dialectOf(wire)));
  const blocks = pieces.flatMap((piece) => splitter.push(piece));
  const rest = splitter.end();
  const frames = [...blocks, ...(rest ? [rest] : [])].map((block) => framing.parse(block));
  return [...frames.flatMap((frame) => (frame ? decoder.push(frame) : [])), ...decoder.end()];
}

/** The events as text, errors as data. */
const plain = (events: readonly ChatEvent[]): string => {
  const shown = events.map((event) =>
    event.type === "error"
      ? { type: event.type, code: event.error.code, message: event.error.message }
      : event,
  );
  return withoutMadeUp(JSON.stringify(shown));
};

/** Cuts at every byte are for the shorter streams: each piece takes its turn in the event loop. */
const maxBytewise = 20_000;

async function checkPump(
  exchange: Exchange,
  wire: Wire,
  client: DialectId,
): Promise<{ exception?: string; fault?: string }> {
  const bytes = bytesOf(exchange);
  const whole = await pump([bytes], wire, client);
  const cuts = {
    ...(bytes.length <= maxBytewise ? { "at every byte": singleBytes(bytes) } : {}),
    ...randomCuts(bytes, exchange.id),
  };
  let isEarly = false;
  for (const [name, pieces] of Object.entries(cuts)) {
    const cut = await pump(pieces, wire, client);
    if (cut.error !== whole.error) return { fault: `fails otherwise cut ${name}: ${cut.error}` };
    // What arrives in one piece with an error has not left yet, so there the attempt is given up.
    if (cut.isThrown || whole.isThrown) isEarly = true;
    else if (cut.text !== whole.text) return { fault: `differs cut ${name}` };
  }
  return isEarly ? { exception: "an error inside: before the first byte leaves, or in place" } : {};
}

interface Outcome {
  text: string;
  /** What the request is settled with. */
  error: string | null;
  /** The pump gave up before anything left. */
  isThrown: boolean;
}

/** Drives the pump with an upstream that gives `pieces`. */
async function pump(
  pieces: readonly Uint8Array[],
  wire: Wire,
  client: DialectId,
): Promise<Outcome> {
  let at = 0;
  const answer = {
    async read() {
      at += 1;
      return pieces[at - 1] ?? null;
    },
    cancel() {
      at = pieces.length;
    },
  } as Partial<EgressResponse> as EgressResponse;
  const outbound: Pick<Outbound, "dialect" | "relayed" | "origin" | "hidesUsage" | "framing"> = {
    dialect: dialects[dialectOf(wire)],
    framing: framingOf(wire),
    relayed: dialectOf(wire) === client,
    origin: originOf(dialectOf(wire)),
    hidesUsage: false,
  };
  const outcome: Outcome = { text: "", error: null, isThrown: false };
  const settle = async (error: GatewayError | null): Promise<void> => {
    outcome.error = error && `${error.code}: ${error.message}`;
  };
  try {
    const body = await openStream(answer, outbound as Outbound, {
      client: createClient(dialects[client], dialects[client].stream.framing, {
        model: "any",
        includeUsage: true,
        warn: () => {},
      }),
      observer: { event: () => {}, content: () => {}, settle },
      signal: new AbortController().signal,
      holdMs: 1_000,
      keepAliveMs: 1_000,
      frozenMs: 60_000,
    });
    const texts = payloadsOf(client, await new Response(body).bytes(), true).map(
      ({ text }) => text,
    );
    outcome.text = withoutMadeUp(texts.join("\n"));
  } catch (thrown) {
    await settle(toGatewayError(thrown));
    outcome.isThrown = true;
  }
  return outcome;
}
