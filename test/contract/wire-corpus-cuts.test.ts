// Every recorded stream cut anywhere: the same events, and the same bytes out of the pump (R05).
import { describe, expect, test } from "bun:test";
import type { Outbound } from "../../src/pipeline/outbound.ts";
import { dialects } from "../../src/dialects/index.ts";
import type { EgressResponse } from "../../src/egress.ts";
import type { DialectId, Origin } from "../../src/ir/chat.ts";
import type { ChatEvent } from "../../src/ir/event.ts";
import { type GatewayError, toGatewayError } from "../../src/ir/error.ts";
import { createSseParser } from "../../src/lib/sse.ts";
import { createClient, openStream } from "../../src/pipeline/respond.ts";
import { type Exchange, exchangesOf, isStream } from "../support/wire/exchange.ts";
import { withoutMadeUp } from "../support/wire/made-up.ts";
import { randomPieces, singleBytes } from "../support/wire/random.ts";
import { createTally } from "../support/wire/tally.ts";

const corpora = (["openai-chat", "anthropic-messages"] as const).map((dialect) => ({
  dialect,
  streams: exchangesOf(dialect).filter(isStream),
}));

const seeds = ["first", "second", "third"];

describe("a stream cut anywhere", () => {
  for (const { dialect, streams } of corpora) {
    test(`${dialect}: at every byte and at random, the same events (${streams.length} streams)`, () => {
      const tally = createTally(`${dialect} decoded from cuts`);
      for (const exchange of streams) {
        const bytes = bytesOf(exchange);
        const whole = plain(decode(dialect, [bytes]));
        const cuts = { "at every byte": singleBytes(bytes), ...randomCuts(bytes, exchange.id) };
        const wrong = Object.entries(cuts).find(
          ([, pieces]) => plain(decode(dialect, pieces)) !== whole,
        );
        tally.add(exchange, wrong ? { fault: `other events when cut ${wrong[0]}` } : {});
      }
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }

  for (const { dialect, streams } of corpora) {
    for (const client of ["openai-chat", "anthropic-messages"] as const) {
      test(`${dialect} to ${client}: the same bytes leave the pump (${streams.length} streams)`, async () => {
        const tally = createTally(`${dialect} to ${client}, pumped in cuts`);
        for (const exchange of streams) {
          tally.add(exchange, await checkPump(exchange, dialect, client));
        }
        tally.print();
        expect(tally.faults).toEqual([]);
      });
    }
  }
});

const bytesOf = ({ response }: Exchange): Uint8Array =>
  new TextEncoder().encode(String(response.body));

const randomCuts = (bytes: Uint8Array, id: string): Record<string, Uint8Array[]> =>
  Object.fromEntries(
    seeds.map((seed) => [`at random (${seed})`, randomPieces(bytes, `${id} ${seed}`)]),
  );

const originOf = (dialect: DialectId): Origin => ({ dialect, provider: "recorded", model: "any" });

function decode(dialect: DialectId, pieces: readonly Uint8Array[]): ChatEvent[] {
  const parser = createSseParser();
  const decoder = dialects[dialect].stream.decoder(originOf(dialect));
  const frames = [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
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
  dialect: DialectId,
  client: DialectId,
): Promise<{ exception?: string; fault?: string }> {
  const bytes = bytesOf(exchange);
  const whole = await pump([bytes], dialect, client);
  const cuts = {
    ...(bytes.length <= maxBytewise ? { "at every byte": singleBytes(bytes) } : {}),
    ...randomCuts(bytes, exchange.id),
  };
  let isEarly = false;
  for (const [name, pieces] of Object.entries(cuts)) {
    const cut = await pump(pieces, dialect, client);
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
  dialect: DialectId,
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
    dialect: dialects[dialect],
    framing: dialects[dialect].stream.framing,
    relayed: dialect === client,
    origin: originOf(dialect),
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
      observer: { event: () => {}, settle },
      signal: new AbortController().signal,
      holdMs: 1_000,
      keepAliveMs: 1_000,
      frozenMs: 60_000,
    });
    outcome.text = withoutMadeUp(await new Response(body).text());
  } catch (thrown) {
    await settle(toGatewayError(thrown));
    outcome.isThrown = true;
  }
  return outcome;
}
