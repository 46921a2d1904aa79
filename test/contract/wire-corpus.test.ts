// Recorded exchanges of the two oldest dialects through the whole gateway: translated they keep their meaning, cut anywhere their bytes.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { dialects } from "../../src/dialects/index.ts";
import type { DialectId } from "../../src/ir/chat.ts";
import type { Warning } from "../../src/ir/warning.ts";
import { isAllowed } from "../../src/lib/headers.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { type Exchange, exchangesOf, isStream } from "../support/wire/exchange.ts";
import { withoutMadeUp } from "../support/wire/made-up.ts";
import { wrongRow } from "../support/wire/judge.ts";
import { relayedBodies } from "../support/wire/relay.ts";
import { singleBytes } from "../support/wire/random.ts";
import {
  type Answer,
  modelAt,
  recordingOf,
  type Replay,
  startReplay,
} from "../support/wire/replay.ts";
import { createTally, type Verdict } from "../support/wire/tally.ts";
import {
  dataOf,
  onlyIn,
  recordedPayloads,
  tell,
  tellLeniently,
  type Told,
} from "../support/wire/told.ts";

setDefaultTimeout(60_000);

let replay: Replay;
beforeAll(async () => {
  replay = await startReplay();
});
afterAll(() => replay.close());

const corpora = (["openai-chat", "anthropic-messages"] as const).map((dialect) => ({
  dialect,
  // The dialects' own cases have tests of their own; Writer's requests are not OpenAI's.
  exchanges: exchangesOf(dialect).filter(({ file }) => !/cases.jsonl$|^writer/.test(file)),
}));

describe("same dialect", () => {
  for (const { dialect, exchanges } of corpora) {
    const sample = sampleOf(exchanges.filter(isStream));
    test(`${dialect}: a stream that arrives byte by byte leaves as the same bytes (${sample.length})`, async () => {
      const tally = createTally(`${dialect} relayed byte by byte`);
      for (const exchange of sample) {
        const [body = {}] = relayedBodies(dialect, exchange);
        tally.add(exchange, await checkBytewise(exchange, { client: dialect, dialect, body }));
      }
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }
});

test("a relayed request that the gateway cannot read is counted all the same", async () => {
  const exchange = corpora[0]?.exchanges.find(({ id }) => id === "own-stream-refusal");
  const body = { stream: true, messages: [{ role: "critic", content: "What do you say?" }] };
  const answer = await ask(exchange as Exchange, "openai-chat", "openai-chat", body);
  expect(textOf(answer)).toBe(recordedText(exchange as Exchange));
  expect(answer.row).toMatchObject({ status: "ok", usageEstimated: true });
  expect(answer.row.inputTokens).toBeGreaterThan(0);
  expect(answer.row.outputTokens).toBeGreaterThan(0);
});

describe("other dialect", () => {
  for (const { dialect, exchanges } of corpora) {
    const client = otherOf(dialect);
    test(`${dialect} answers to a client of ${client} (${exchanges.length})`, async () => {
      const tally = createTally(`${dialect} to ${client}`);
      for (const exchange of exchanges) {
        const body = plainRequest(client, exchange.stream);
        const answer = await ask(exchange, dialect, client, body);
        tally.add(exchange, checkTranslation(exchange, dialect, answer));
      }
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }

  for (const { dialect, exchanges } of corpora) {
    const client = otherOf(dialect);
    const sample = sampleOf(exchanges.filter(isStream));
    test(`${dialect}: a stream that arrives byte by byte is translated the same (${sample.length})`, async () => {
      const tally = createTally(`${dialect} to ${client} byte by byte`);
      for (const exchange of sample) {
        const body = plainRequest(client, true);
        tally.add(exchange, await checkBytewise(exchange, { client, dialect, body }));
      }
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }
});

describe("recorded requests of the other dialect", () => {
  for (const { dialect, exchanges } of corpora) {
    const requests = exchanges.filter(({ request }) => request !== null);
    test(`${dialect} requests are answered (${requests.length})`, async () => {
      const tally = createTally(`${dialect} requests through the gateway`);
      for (const exchange of requests) tally.add(exchange, await checkRequest(exchange, dialect));
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }
});

test("every request asked above has one usage row with a status", async () => {
  const rows = await replay.rows();
  console.log(`requests asked: ${replay.asked}, usage rows: ${rows.length}`);
  expect(rows).toHaveLength(replay.asked);
  expect(rows.filter((row) => row.httpStatus === null || row.status === "interrupted")).toEqual([]);
  expect(new Set(rows.map((row) => row.requestId)).size).toBe(rows.length);
});

const otherOf = (dialect: DialectId): DialectId =>
  dialect === "openai-chat" ? "anthropic-messages" : "openai-chat";

/** A byte order mark stays: it is among the bytes. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const textOf = ({ bytes }: Answer): string => decoder.decode(bytes);

/** Short streams first come first: enough to cover every file, few enough to be quick. */
function sampleOf(streams: readonly Exchange[]): Exchange[] {
  const isShort = ({ response }: Exchange) => String(response.body).length < 12_000;
  const short = streams.filter(isShort);
  const step = Math.max(1, Math.floor(short.length / 40));
  return short.filter((_, at) => at % step === 0);
}

const ask = (
  exchange: Exchange,
  upstream: DialectId,
  client: DialectId,
  body: JsonObject,
  bytewise = false,
): Promise<Answer> => {
  const recording = recordingOf(exchange);
  return replay.ask({
    client,
    body: JSON.stringify({ ...body, model: modelAt(upstream, "recorded") }),
    recording: bytewise
      ? { ...recording, pieces: recording.pieces.flatMap(singleBytes) }
      : recording,
  });
};

async function checkBytewise(
  exchange: Exchange,
  { client, dialect, body }: { client: DialectId; dialect: DialectId; body: JsonObject },
): Promise<Verdict> {
  const whole = await ask(exchange, dialect, client, body);
  const bytewise = await ask(exchange, dialect, client, body, true);
  const broken = brokenAt(exchange);
  if (broken) return checkBroken(broken, bytewise, () => true);
  return bytewise.status === whole.status &&
    withoutMadeUp(textOf(bytewise)) === withoutMadeUp(textOf(whole))
    ? {}
    : { fault: "differs from the stream in one piece" };
}

/** One of the project's own fixtures. */
function plainAnswer(dialect: DialectId, stream: boolean): Exchange {
  const id = stream ? "own-stream" : "own-text";
  const found = corpora
    .find((corpus) => corpus.dialect === dialect)
    ?.exchanges.find((exchange) => exchange.id === id);
  if (!found) throw new Error(`no fixture \`${id}\``);
  return found;
}

/** A recorded request sent to an upstream of the other dialect, which gives a plain answer. */
async function checkRequest(exchange: Exchange, dialect: DialectId): Promise<Verdict> {
  const other = otherOf(dialect);
  // Providers that OpenRouter is to choose among are not configured here.
  const { provider: _theirs, ...body } = exchange.request?.body ?? {};
  const stream = body["stream"] === true;
  const plain = plainAnswer(other, stream);
  const answer = await replay.ask({
    client: dialect,
    headers: dialectHeaders(exchange, dialect),
    body: JSON.stringify({ ...body, model: modelAt(other, "recorded") }),
    recording: recordingOf(plain),
  });
  const got = textOf(answer);
  if (answer.row.errorCode === "unsupported_feature") {
    return answer.status === 400 && answer.received === null && messageIn(JSON.parse(got)) !== ""
      ? { exception: `refused: ${messageIn(JSON.parse(got))}` }
      : { fault: `refused with ${answer.status} ${got}` };
  }
  if (answer.row.errorCode === "upstream_invalid" && got.includes("fit the JSON schema")) {
    return {
      exception: "a schema is asked for, which the recorded answer of another request does not fit",
    };
  }
  if (answer.status !== 200) return { fault: `status ${answer.status}: ${got}` };
  const told = JSON.parse(answer.headers.get("x-megallm-warnings") ?? "[]") as Warning[];
  // A row may have more: what only the end of a stream showed.
  if (!Bun.deepEquals(told, answer.row.warnings.slice(0, told.length))) {
    return {
      fault: `warned of ${JSON.stringify(told)}, on record ${JSON.stringify(answer.row.warnings)}`,
    };
  }
  const said = tell(other, recordedText(plain), stream).text;
  return tell(dialect, got, stream).text === said ? {} : { fault: `answered ${got}` };
}

const plainRequest = (dialect: DialectId, stream: boolean): JsonObject => ({
  model: "recorded",
  messages: [{ role: "user", content: "Hello" }],
  ...(stream ? { stream } : {}),
  ...(dialect === "anthropic-messages" ? { max_tokens: 1024 } : {}),
  ...(dialect === "openai-chat" && stream ? { stream_options: { include_usage: true } } : {}),
});

/** The recorded headers that a client of this dialect sends besides the usual ones. */
const dialectHeaders = ({ request }: Exchange, dialect: DialectId): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request?.headers ?? {}).filter(([name]) =>
      isAllowed(name, dialects[dialect].requestHeaders),
    ),
  );

const messageIn = (body: unknown): string => {
  const error = isObject(body) ? body["error"] : undefined;
  return isObject(error) && typeof error["message"] === "string" ? error["message"] : "";
};

/** The message of an error that a 200 begins with. */
function leadingError({ response }: Exchange): string | undefined {
  if (response.status !== 200) return undefined;
  const frames = typeof response.body === "string" ? dataOf(response.body) : [response.body];
  for (const frame of frames) {
    const message = messageIn(frame);
    if (message !== "") return message;
    const isEmpty = isObject(frame) && (frame["type"] === "ping" || isPrelude(frame));
    if (!isEmpty) return undefined;
  }
  return undefined;
}

/** A stream that fails behind content: the message, and the stream up to it, nothing of what follows. */
interface Broken {
  message: string;
  stream: string;
}

function brokenAt(exchange: Exchange): Broken | undefined {
  if (!isStream(exchange)) return undefined;
  const blocks = blocksOf(String(exchange.response.body));
  const at = blocks.findIndex((block) => dataOf(block).some((frame) => messageIn(frame) !== ""));
  const [frame] = dataOf(blocks[at] ?? "");
  if (frame) return { message: messageIn(frame), stream: blocks.slice(0, at + 1).join("") };
  const message = unreadable[exchange.id];
  return message === undefined ? undefined : { message, stream: "" };
}

/** Handmade streams that no server of their wire would send, and what the client is told of them. */
const unreadable: Readonly<Record<string, string>> = {
  "ver-19d297c64b": "a second message begins within the first",
};

/** `isKept` is asked about what arrived before the error, and the error. */
function checkBroken(
  { message, stream }: Broken,
  answer: Answer,
  isKept: (got: string) => boolean,
): Verdict {
  const got = textOf(answer);
  const reason =
    stream === "" ? "no stream of its wire: told as broken" : "an error behind content";
  if (answer.row.status !== "error") return { fault: "the error is not on record" };
  if (!got.includes(inJson(message))) return { fault: `not told: ${got}` };
  // What arrives in one piece with the error has not left yet, so the attempt may still be given up.
  if (answer.status >= 400)
    return { exception: `${reason}, all at once: told with an error status` };
  return stream === "" || isKept(got)
    ? { exception: `${reason}: told in its place, nothing follows` }
    : { fault: `broken otherwise: ${got}` };
}

/** A stream's blocks, each with the empty line that ends it. */
const blocksOf = (stream: string): string[] => stream.split(/(?<=\r\n\r\n|\n\n|\r\r)/);

/** A chunk or event that shows nothing yet. */
function isPrelude(frame: JsonObject): boolean {
  if (frame["type"] === "message_start") return true;
  if (!Array.isArray(frame["choices"])) return false;
  return frame["choices"].every((choice: unknown) => {
    const delta = isObject(choice) && isObject(choice["delta"]) ? choice["delta"] : {};
    const { role: _, ...rest } = delta;
    return Object.values(rest).every((value) => value === null || value === "");
  });
}

/** Text as it stands inside a JSON string. */
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function checkTranslation(exchange: Exchange, dialect: DialectId, answer: Answer): Verdict {
  const { response, stream } = exchange;
  const client = otherOf(dialect);
  const got = textOf(answer);
  const said = response.status >= 400 ? messageIn(response.body) : leadingError(exchange);
  if (said !== undefined) {
    const isTold = answer.status >= 400 && messageIn(JSON.parse(got)).endsWith(said);
    const isKept = response.status < 400 || answer.status === response.status;
    return isTold && isKept ? {} : { fault: `the error became ${answer.status} ${got}` };
  }
  const broken = brokenAt(exchange);
  if (broken) return checkBroken(broken, answer, (text) => isBrokenAlike(exchange, dialect, text));
  if (answer.status !== 200) return { fault: `status ${answer.status}: ${got}` };
  const before = tellLeniently(dialect, recordedText(exchange), stream);
  const after = tell(client, got, stream);
  const [row] = wrongRow(before, answer);
  if (row !== undefined) return { fault: row };
  const lost = differences(before, after);
  if (lost.length > 0) return { fault: lost.join("; ") };
  const [unshown] = onlyIn(dialect, recordedPayloads(dialect, exchange, stream));
  return unshown === undefined || answer.row.warnings.length > 0
    ? {}
    : { fault: `\`${unshown}\` is lost without a warning` };
}

/** What was said before the error is there too. */
function isBrokenAlike(exchange: Exchange, dialect: DialectId, got: string): boolean {
  const before = tell(dialect, recordedText(exchange), true);
  const after = tell(otherOf(dialect), got, true);
  return before.text === after.text && before.reasoning === after.reasoning;
}

const recordedText = ({ response }: Exchange): string =>
  typeof response.body === "string" ? response.body : JSON.stringify(response.body);

function differences(before: Told, after: Told): string[] {
  return (Object.keys(before) as (keyof Told)[]).flatMap((key) => {
    // Where the provider tells no usage the gateway counts, and says so in the row.
    if (key === "isRefused" || (key === "usage" && before.usage === null)) return [];
    // What these two wires do not share is told of in the matrix.
    if (key === "citations" || key === "images") return [];
    if (Bun.deepEquals(before[key], after[key])) return [];
    return [`${key}: ${clip(before[key])} became ${clip(after[key])}`];
  });
}

const clip = (value: unknown): string => JSON.stringify(value).slice(0, 300);
