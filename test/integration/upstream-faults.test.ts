// What upstreams get wrong (faults R12 to R17, S16, S36): every client told in its own dialect, a broken
// stream never ended as if it were whole, another deployment tried only while nothing has been shown.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { brotliCompressSync, deflateRawSync, deflateSync } from "node:zlib";
import type { ErrorCode } from "../../src/ir/error.ts";
import { type Caller, callers, postAs, type Reading } from "../support/callers.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  chunk,
  hang,
  head,
  json,
  lastChunk,
  reset,
  type Script,
  type ScriptedUpstream,
  startScripted,
  streamHead,
  whole,
} from "../support/scripted-upstream.ts";
import {
  anthropicAnswers,
  openAiAnswers,
  streamOf,
  type WireAnswers,
} from "../support/wire-answers.ts";
import { backgroundFailures } from "../../src/lib/background.ts";

/** Other files of the same run fail promises on purpose. */
const failuresBefore = backgroundFailures();

interface Side {
  wire: "openai-chat" | "anthropic-messages";
  answers: WireAnswers;
  /** The deployment with the fault. */
  faulty: ScriptedUpstream;
  /** The deployment that would do. */
  sound: ScriptedUpstream;
  /** Name of the provider with the fault. */
  provider: string;
  /** The model name for the faulty deployment alone, or with the other as fallback; `quick` waits for neither. */
  model(backed: boolean, quick?: boolean): string;
}

const sides: Side[] = [];
let running: InProcess;

/** For faults that are a silence. */
const impatient = { first_byte: "150ms", idle: "150ms" };

beforeAll(async () => {
  const [a, b, c, d] = await Promise.all([
    startScripted(),
    startScripted(),
    startScripted(),
    startScripted(),
  ]);
  const model =
    (letter: string): Side["model"] =>
    (backed, quick = false) =>
      `${backed ? "backed" : "alone"}-${letter}${quick ? "-quick" : ""}`;
  sides.push(
    {
      wire: "openai-chat",
      answers: openAiAnswers,
      faulty: a,
      sound: b,
      provider: "faulty-o",
      model: model("o"),
    },
    {
      wire: "anthropic-messages",
      answers: anthropicAnswers,
      faulty: c,
      sound: d,
      provider: "faulty-a",
      model: model("a"),
    },
  );
  const openAi = { type: "openai-compatible" };
  const anthropic = { type: "anthropic-compatible" };
  const routes = (letter: string): [string, object][] =>
    [true, false].flatMap((backed) =>
      [true, false].map((quick): [string, object] => [
        model(letter)(backed, quick),
        {
          deployments: [{ model: `faulty-${letter}/m-1`, timeouts: quick ? impatient : {} }],
          fallbacks: backed ? [`sound-${letter}/m-2`] : [],
        },
      ]),
    );
  running = await startInProcess(
    {
      providers: {
        "faulty-o": { ...openAi, base_url: a.url, api_key: "operator-key-1" },
        "sound-o": { ...openAi, base_url: b.url, api_key: "operator-key-2" },
        "faulty-a": { ...anthropic, base_url: c.url, api_key: "operator-key-3" },
        "sound-a": { ...anthropic, base_url: d.url, api_key: "operator-key-4" },
      },
      models: Object.fromEntries([...routes("o"), ...routes("a")]),
    },
    { pacing: { holdMs: 1_000, keepAliveMs: 2_000, openEarlyMs: 5_000 } },
  );
});

afterAll(async () => {
  await running.close();
  for (const side of sides) {
    await side.faulty[Symbol.asyncDispose]();
    await side.sound[Symbol.asyncDispose]();
  }
});

/** Names from inside the upstream's network, and things that only a proxy's page would say. */
const secrets = /internal-host|corp\.example|nginx|stack trace|operator-key/;

const page = `<html><head><title>502</title></head><body>internal-host-17.corp.example nginx\nstack trace: at Proxy.run</body></html>`;

interface Outcome {
  answer: Response;
  body: string;
  reading: Reading | null;
}

async function ask(
  caller: Caller,
  side: Side,
  options: { stream: boolean; backed?: boolean; script: Script; init?: RequestInit },
): Promise<Outcome> {
  side.faulty.answer(options.script);
  side.sound.answer(options.stream ? streamOf(...side.answers.frames) : side.answers.plain);
  const body = caller.body(
    side.model(options.backed ?? false, options.script.includes(hang)),
    options.stream ? { stream: true } : {},
  );
  const answer = await running.fetch(caller.paths[0], { ...postAs(caller, body), ...options.init });
  const text = await answer.clone().text();
  expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
  expect(text).not.toMatch(secrets);
  expect(JSON.stringify([...answer.headers])).not.toMatch(secrets);
  const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  return { answer, body: text, reading: isStream ? await caller.read(answer) : null };
}

const text = (caller: Caller, { reading, body }: Outcome): string =>
  reading?.text ?? caller.textOf(body);

interface Fault {
  name: string;
  script: (side: Side, stream: boolean) => Script;
  code: ErrorCode;
  /** What a client without a fallback is answered. */
  status: number;
  /** Another deployment is tried. */
  retried: boolean;
  /** For these kinds of request only. */
  only?: "plain" | "stream";
  /** Found in the message. */
  says?: RegExp;
}

const html = { "content-type": "text/html" };
const unavailable = { code: "upstream_unavailable", status: 502, retried: true } as const;
const invalid = { code: "upstream_invalid", status: 502, retried: true } as const;
const own = (side: Side, stream: boolean): Script =>
  stream ? streamOf(...side.answers.frames) : side.answers.plain;
const bodyOf = (side: Side, stream: boolean): string =>
  stream
    ? side.answers.frames.join("")
    : String(side.answers.plain[0]).slice(String(side.answers.plain[0]).indexOf("\r\n\r\n") + 4);
const typeOf = (stream: boolean): string => (stream ? "text/event-stream" : "application/json");

/** Faults before anything was shown. */
const early: Fault[] = [
  { name: "HTML, 502", script: () => [whole(502, page, html)], ...unavailable },
  { name: "HTML, 500", script: () => [whole(500, page, html)], ...unavailable },
  { name: "HTML, 503", script: () => [whole(503, page, html)], ...unavailable },
  { name: "HTML, 200", script: () => [whole(200, page, html)], ...invalid },
  {
    name: "HTML, 404",
    script: () => [whole(404, page, html)],
    code: "upstream_rejected",
    status: 404,
    retried: false,
  },
  { name: "HTML that says it is JSON", script: () => [whole(200, page)], ...invalid },
  {
    name: "HTML that says it is a stream",
    script: () => [whole(200, page, { "content-type": "text/event-stream" })],
    ...invalid,
  },
  { name: "nothing: closed at once", script: () => [], ...unavailable },
  { name: "nothing: reset", script: () => [reset], ...unavailable },
  { name: "half a status line", script: () => ["HTTP/1.1 20"], ...unavailable },
  { name: "not HTTP", script: () => ["SSH-2.0-OpenSSH_9.9\r\n\r\n"], ...invalid },
  { name: "silence", script: () => [hang], code: "upstream_timeout", status: 504, retried: true },
  {
    name: "silence after the head",
    script: (_side, stream) => [
      head(200, { "content-type": typeOf(stream), "content-length": "999" }),
      hang,
    ],
    code: "upstream_timeout",
    status: 504,
    retried: true,
  },
  { name: "204", script: () => [head(204)], ...invalid },
  {
    name: "202",
    script: (side, stream) => [
      whole(202, bodyOf(side, stream), { "content-type": typeOf(stream) }),
    ],
    ...invalid,
  },
  { name: "status 999", script: () => [json(999, {})], ...invalid },
  {
    name: "an empty body",
    script: (_side, stream) => [whole(200, "", { "content-type": typeOf(stream) })],
    ...invalid,
  },
  {
    name: "a body of spaces",
    script: (_side, stream) => [whole(200, "  \n\n ", { "content-type": typeOf(stream) })],
    ...invalid,
  },
  ...["null", "[]", '"x"', "17", "true", "{}", '{"object":"list"}', "[{}]", "{", "nonsense"].map(
    (body): Fault => ({
      name: `JSON ${body}`,
      script: () => [whole(200, body)],
      code: "upstream_invalid",
      status: 502,
      retried: true,
    }),
  ),
  {
    name: "a stream to a plain request",
    script: (side) => streamOf(...side.answers.frames),
    ...invalid,
    only: "plain",
  },
  {
    name: "a plain answer to a stream request",
    script: (side) => side.answers.plain,
    ...invalid,
    only: "stream",
  },
  {
    name: "gzip that is none",
    script: (side, stream) => [
      whole(200, bodyOf(side, stream), {
        "content-type": typeOf(stream),
        "content-encoding": "gzip",
      }),
    ],
    ...invalid,
  },
  {
    name: "undeclared gzip",
    script: (side, stream) => [
      head(200, { "content-type": typeOf(stream) }),
      Bun.gzipSync(bodyOf(side, stream)),
    ],
    ...invalid,
  },
  {
    name: "cut gzip",
    script: (side, stream) => [
      head(200, { "content-type": typeOf(stream), "content-encoding": "gzip" }),
      Bun.gzipSync(bodyOf(side, stream)).subarray(0, 20),
    ],
    ...invalid,
  },
  {
    name: "an unknown coding",
    script: (side, stream) => [
      whole(200, bodyOf(side, stream), {
        "content-type": typeOf(stream),
        "content-encoding": "sdch",
      }),
    ],
    ...invalid,
  },
  {
    name: "a cut body",
    script: (side) => [
      head(200, { "content-type": "application/json", "content-length": "9999" }),
      bodyOf(side, false).slice(0, 50),
    ],
    ...unavailable,
    only: "plain",
  },
  {
    name: "a content-length that is too short",
    script: (side) => [
      head(200, { "content-type": "application/json", "content-length": "50" }),
      bodyOf(side, false),
    ],
    ...invalid,
    only: "plain",
  },
  {
    name: "two content-lengths",
    script: (side, stream) => [
      head(200, { "content-type": typeOf(stream), "content-length": ["10", "20"] }),
      bodyOf(side, stream),
    ],
    ...invalid,
  },
  {
    name: "content-length and chunks",
    script: (side, stream) => [
      head(200, {
        "content-type": typeOf(stream),
        "content-length": "20",
        "transfer-encoding": "chunked",
      }),
      chunk(bodyOf(side, stream)),
      lastChunk,
    ],
    ...invalid,
  },
  {
    name: "a broken chunk",
    script: (_side, stream) => [streamHead({ "content-type": typeOf(stream) }), "zz\r\nhello\r\n"],
    ...invalid,
  },
  {
    name: "80 KB of headers",
    script: (side, stream) => [
      whole(200, bodyOf(side, stream), {
        "content-type": typeOf(stream),
        ...Object.fromEntries(
          Array.from({ length: 80 }, (_, index) => [`x-pad-${index}`, "y".repeat(1_000)]),
        ),
      }),
    ],
    ...invalid,
  },
  ...[301, 302, 303, 307, 308].map((status): Fault => ({
    name: `a redirect, ${status}`,
    script: () => [head(status, { location: "http://internal-host-17.corp.example/" })],
    code: "upstream_invalid",
    status: 502,
    retried: true,
    says: /redirect/,
  })),
  {
    name: "429",
    script: ({ answers }) => [answers.error(429, "rate_limit_error", "Slow down.")],
    code: "upstream_rate_limited",
    status: 429,
    retried: true,
    says: /Slow down/,
  },
  {
    name: "401, our key",
    script: ({ answers }) => [
      answers.error(401, "authentication_error", "Incorrect API key provided: operator-key-1."),
    ],
    code: "upstream_auth",
    status: 502,
    retried: true,
    says: /operator to mend/,
  },
  {
    name: "403, our key",
    script: ({ answers }) => [
      answers.error(403, "permission_error", "Your organization operator-key-1 is not allowed."),
    ],
    code: "upstream_auth",
    status: 502,
    retried: true,
  },
  {
    name: "402",
    script: ({ answers }) => [answers.error(402, "billing_error", "Pay operator-key-1 first.")],
    code: "upstream_auth",
    status: 502,
    retried: true,
  },
  {
    name: "R25 400, no credit",
    script: ({ answers }) => [
      answers.error(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the API.",
      ),
    ],
    code: "upstream_auth",
    status: 502,
    retried: true,
  },
  ...(
    [
      [400, "invalid_request_error"],
      [404, "not_found_error"],
      [413, "request_too_large"],
      [422, "invalid_request_error"],
    ] as const
  ).map(([status, type]): Fault => ({
    name: `R24 ${status}, the caller's fault`,
    script: ({ answers }) => [answers.error(status, type, "tools.3.name: Input should match ^a$")],
    code: "upstream_rejected",
    status,
    retried: false,
    says: /^tools\.3\.name: Input should match \^a\$$/,
  })),
  {
    name: "500",
    script: ({ answers }) => [answers.error(500, "api_error", "Oh no.")],
    ...unavailable,
  },
  {
    name: "503",
    script: ({ answers }) => [answers.error(503, "api_error", "Later.")],
    ...unavailable,
  },
  {
    name: "529",
    script: ({ answers }) => [answers.error(529, "overloaded_error", "Overloaded")],
    ...unavailable,
    says: /Overloaded/,
  },
  {
    name: "an error with status 200",
    script: ({ answers }) => [answers.error(200, "overloaded_error", "Overloaded")],
    ...unavailable,
    says: /Overloaded/,
  },
  { name: "an error without a body", script: () => [whole(500, "")], ...unavailable },
  {
    name: "an error cut short",
    script: () => [head(500, { "content-length": "500" }), '{"error":'],
    ...unavailable,
  },
  {
    name: "R13 an error as the first event",
    script: ({ answers }) => streamOf(answers.errorFrame("overloaded_error", "Overloaded")),
    ...unavailable,
    only: "stream",
    says: /Overloaded/,
  },
  {
    name: "R13 an error before any content",
    script: ({ answers }) =>
      streamOf(answers.frames[0] ?? "", answers.errorFrame("overloaded_error", "Overloaded")),
    ...unavailable,
    only: "stream",
  },
  {
    name: "R13 an error right behind the first content, in one piece",
    script: ({ answers }) =>
      streamOf(
        (answers.frames[0] ?? "") +
          (answers.frames[1] ?? "") +
          answers.errorFrame("overloaded_error", "Overloaded"),
      ),
    ...unavailable,
    only: "stream",
  },
  { name: "R12 a stream that is empty", script: () => streamOf(), ...invalid, only: "stream" },
  {
    name: "R12 comments alone",
    script: () => streamOf(": hello\n\n", ": there\n\n"),
    ...invalid,
    only: "stream",
  },
  {
    name: "R12 a stream that ends before its content",
    script: ({ answers }) => streamOf(answers.frames[0] ?? ""),
    ...invalid,
    only: "stream",
  },
  {
    name: "R12 a stream that is cut before its content",
    script: ({ answers }) => [streamHead(), chunk(answers.frames[0] ?? "")],
    ...unavailable,
    only: "stream",
  },
  {
    name: "R12 a reset before content",
    script: ({ answers }) => [streamHead(), chunk(answers.frames[0] ?? ""), 20, reset],
    ...unavailable,
    only: "stream",
  },
  {
    name: "R12 half an event",
    script: ({ answers }) => streamOf((answers.frames[1] ?? "").slice(0, 60)),
    ...invalid,
    only: "stream",
  },
  {
    name: "garbage in a stream",
    script: () => streamOf("data: {nonsense\n\n"),
    ...invalid,
    only: "stream",
  },
  {
    name: "an array in a stream",
    script: () => streamOf("data: [1]\n\n"),
    ...invalid,
    only: "stream",
  },
  {
    name: "bytes in a stream",
    script: () => [
      streamHead({ "transfer-encoding": "identity" }),
      new Uint8Array(4_096).fill(0xff),
    ],
    ...invalid,
    only: "stream",
  },
  {
    name: "only the terminal event",
    script: ({ answers }) => streamOf(answers.frames.at(-1) ?? ""),
    ...invalid,
    only: "stream",
  },
  {
    name: "R09 silence before content",
    script: ({ answers }) => [streamHead(), chunk(answers.frames[0] ?? ""), hang],
    code: "upstream_timeout",
    status: 504,
    retried: true,
    only: "stream",
  },
];

/** Faults after the first content was shown: what follows it. */
const late: {
  name: string;
  next: (side: Side, rest: readonly string[]) => Script;
  code: ErrorCode;
  says?: RegExp;
  gzip?: boolean;
}[] = [
  {
    name: "a proper end without the terminal event",
    next: () => [lastChunk],
    code: "upstream_invalid",
  },
  { name: "the connection closed", next: () => [], code: "upstream_unavailable" },
  { name: "the connection reset", next: () => [reset], code: "upstream_unavailable" },
  {
    name: "a chunk cut short",
    next: (_side, [next = ""]) => [`500\r\n${next}`],
    code: "upstream_unavailable",
  },
  { name: "a chunk that is none", next: () => ["zz\r\n"], code: "upstream_invalid" },
  {
    name: "half an event, then a proper end",
    next: (_side, [next = ""]) => [chunk(next.slice(0, 40)), lastChunk],
    code: "upstream_invalid",
  },
  {
    name: "an event cut within its name",
    next: () => [chunk("dat"), lastChunk],
    code: "upstream_invalid",
  },
  {
    name: "an event cut within a character",
    next: () => ["7\r\n", Buffer.from("data: \xe2", "latin1"), "\r\n", lastChunk],
    code: "upstream_invalid",
  },
  {
    name: "silence",
    next: () => [hang],
    code: "upstream_timeout",
    says: /sent nothing for 150 ms/,
  },
  {
    name: "an event that is no JSON",
    next: (_side, rest) => ["data: {nonsense\n\n", ...rest].map(chunk).concat(lastChunk),
    code: "upstream_invalid",
  },
  {
    name: "an event that is no object",
    next: (_side, rest) => ["data: [1,2]\n\n", ...rest].map(chunk).concat(lastChunk),
    code: "upstream_invalid",
  },
  {
    name: "a web page in the stream",
    next: () => [chunk(`data: ${page.replaceAll("\n", "")}\n\n`), lastChunk],
    code: "upstream_invalid",
  },
  {
    name: "the error event",
    next: ({ answers }) => [chunk(answers.errorFrame("overloaded_error", "Overloaded")), lastChunk],
    code: "upstream_unavailable",
    says: /Overloaded/,
  },
  {
    name: "the error event, then silence",
    next: ({ answers }) => [chunk(answers.errorFrame("overloaded_error", "Overloaded")), hang],
    code: "upstream_unavailable",
    says: /Overloaded/,
  },
  {
    name: "the error event, then an end as if nothing were",
    next: ({ answers }, rest) =>
      [answers.errorFrame("overloaded_error", "Overloaded"), ...rest].map(chunk).concat(lastChunk),
    code: "upstream_unavailable",
    says: /Overloaded/,
  },
  {
    name: "the error event and that end, in one piece",
    next: ({ answers }, rest) => [
      chunk(answers.errorFrame("overloaded_error", "Overloaded") + rest.join("")),
      lastChunk,
    ],
    code: "upstream_unavailable",
    says: /Overloaded/,
  },
  {
    name: "the error event without its blank line",
    next: ({ answers }) => [
      chunk(answers.errorFrame("overloaded_error", "Overloaded").trimEnd()),
      lastChunk,
    ],
    code: "upstream_unavailable",
    says: /Overloaded/,
  },
  {
    name: "an error event whose type nobody knows",
    next: ({ answers }) => [chunk(answers.errorFrame("strange_error", "How odd.")), lastChunk],
    code: "upstream_unavailable",
    says: /How odd/,
  },
];

/** The first three frames, given time to reach the client, and then the fault. */
const shownThen = (side: Side, next: (side: Side, rest: readonly string[]) => Script): Script => [
  streamHead(),
  ...side.answers.frames.slice(0, 3).map(chunk),
  40,
  ...next(side, side.answers.frames.slice(3)),
];

const pairs = callers.flatMap((caller) =>
  [0, 1].map((index) => ({
    caller,
    index,
    pair: `${caller.name} client, ${["OpenAI", "Anthropic"][index]} upstream`,
  })),
);

describe.each(pairs)("$pair", ({ caller, index }) => {
  const side = (): Side => {
    const found = sides[index];
    if (!found) throw new Error("not started");
    return found;
  };
  const kinds = (fault: { only?: "plain" | "stream" }): boolean[] =>
    fault.only === undefined ? [false, true] : [fault.only === "stream"];

  describe("before anything was shown", () => {
    const cases = early.flatMap((fault) =>
      kinds(fault).map((stream) => ({
        name: fault.name,
        fault,
        stream,
        kind: stream ? "stream" : "plain",
      })),
    );

    test.each(cases)("$kind: $name", async ({ fault, stream }) => {
      const script = fault.script(side(), stream);
      const alone = await ask(caller, side(), { stream, script });
      expect([alone.answer.status, alone.answer.headers.get("content-type")]).toEqual([
        fault.status,
        "application/json",
      ]);
      const { message } = caller.errorOf(alone.body);
      if (fault.says) expect(message).toMatch(fault.says);
      if (fault.code !== "upstream_rejected") expect(message).toContain(`\`${side().provider}\``);
      const row = await running.recorded(alone.answer);
      expect(row.usage).toMatchObject({
        status: "error",
        errorCode: fault.code,
        httpStatus: fault.status,
        stream,
        attempts: 1,
        inboundDialect: caller.dialect,
        outboundDialect: side().wire,
      });
      expect(row.attempts).toMatchObject([{ status: "error", errorCode: fault.code, index: 0 }]);
      expect(side().faulty.requests).toHaveLength(1);

      const backed = await ask(caller, side(), { stream, script, backed: true });
      const backedRow = await running.recorded(backed.answer);
      if (!fault.retried) {
        expect(backed.answer.status).toBe(fault.status);
        expect([side().sound.requests.length, backedRow.attempts.length]).toEqual([0, 1]);
        return;
      }
      // R14: exactly one copy of the text.
      expect([backed.answer.status, text(caller, backed)]).toEqual([200, "Hello there"]);
      expect(backed.answer.headers.get("x-megallm-attempts")).toBe("2");
      if (backed.reading) {
        expect(backed.reading).toMatchObject({ complete: true, afterError: [], unreadable: [] });
        expect(backed.reading.error).toBeUndefined();
      }
      expect([side().faulty.requests.length, side().sound.requests.length]).toEqual([1, 1]);
      expect(backedRow.usage).toMatchObject({ status: "ok", errorCode: null, attempts: 2 });
      // Each attempt has what it used itself, the request what all of them did.
      expect(backedRow.attempts[1]).toMatchObject({ inputTokens: 7, outputTokens: 3 });
      const sum = (kind: "inputTokens" | "outputTokens"): number =>
        backedRow.attempts.reduce((total, attempt) => total + (attempt[kind] ?? 0), 0);
      expect(backedRow.usage).toMatchObject({
        inputTokens: sum("inputTokens"),
        outputTokens: sum("outputTokens"),
      });
      expect(backedRow.usage.provider).toStartWith("sound-");
      expect(backedRow.attempts.map((attempt) => attempt.errorCode)).toEqual([fault.code, null]);
    });
  });

  describe("R12 R14 after content was shown", () => {
    test.each(late)("$name", async (fault) => {
      const outcome = await ask(caller, side(), {
        stream: true,
        script: shownThen(side(), fault.next),
        backed: true,
      });
      const { reading, answer } = outcome;
      expect(answer.status).toBe(200);
      expect(reading).toMatchObject({
        text: "Hello there",
        complete: false,
        afterError: [],
        unreadable: [],
      });
      expect(reading?.error).toBeString();
      if (fault.says) expect(reading?.error).toMatch(fault.says);
      expect([side().faulty.requests.length, side().sound.requests.length]).toEqual([1, 0]);
      const row = await running.recorded(answer);
      expect(row.usage).toMatchObject({
        status: "error",
        errorCode: fault.code,
        httpStatus: 200,
        attempts: 1,
        stream: true,
      });
      expect(row.attempts).toMatchObject([{ status: "error", errorCode: fault.code }]);
      // What arrived was billed, told or not.
      expect(row.usage.outputTokens).toBeGreaterThan(0);
      expect(row.usage.inputTokens).toBeGreaterThan(0);
    });

    test("garbage behind the terminal event spoils nothing", async () => {
      const script = streamOf(...side().answers.frames, "data: {nonsense\n\n");
      const { answer, reading } = await ask(caller, side(), { stream: true, script });
      expect(reading).toMatchObject({ text: "Hello there", complete: true });
      expect((await running.recorded(answer)).usage).toMatchObject({
        status: "ok",
        outputTokens: 3,
      });
    });

    test("a reset behind the terminal event spoils nothing", async () => {
      const script: Script = [streamHead(), ...side().answers.frames.map(chunk), 20, reset];
      const { answer, reading } = await ask(caller, side(), { stream: true, script });
      expect(reading).toMatchObject({ text: "Hello there", complete: true });
      expect(reading?.error).toBeUndefined();
      expect((await running.recorded(answer)).usage.status).toBe("ok");
    });

    test("a connection that stays open behind the terminal event is given up", async () => {
      const script: Script = [streamHead(), ...side().answers.frames.map(chunk), hang];
      const { reading } = await ask(caller, side(), { stream: true, script });
      expect(reading).toMatchObject({ text: "Hello there", complete: true });
      await Bun.sleep(20);
      expect(side().faulty.open()).toBe(0);
    });
  });

  describe("what is odd, but sound", () => {
    const codings: [string, (text: string) => Uint8Array][] = [
      ["gzip", (plain) => Bun.gzipSync(plain)],
      ["deflate", (plain) => deflateSync(plain)],
      ["deflate", (plain) => deflateRawSync(plain)],
      ["br", (plain) => brotliCompressSync(plain)],
      ["zstd", (plain) => Bun.zstdCompressSync(plain)],
      ["gzip, br", (plain) => brotliCompressSync(Bun.gzipSync(plain))],
    ];
    const scripts: [string, (side: Side, stream: boolean) => Script][] = [
      ...codings.map(([coding, compress]): [string, (side: Side, stream: boolean) => Script] => [
        `R17 ${coding}, although not asked for`,
        (each, stream) => [
          head(200, { "content-type": typeOf(stream), "content-encoding": coding }),
          compress(bodyOf(each, stream)),
        ],
      ]),
      ["no content type", (each, stream) => [head(200), bodyOf(each, stream)]],
      [
        "text/plain",
        (each, stream) => [
          whole(200, bodyOf(each, stream), { "content-type": "text/plain; charset=utf-8" }),
        ],
      ],
      [
        "lines that end in LF alone",
        (each, stream) => [
          `HTTP/1.1 200 OK\ncontent-type: ${typeOf(stream)}\n\n`,
          bodyOf(each, stream),
        ],
      ],
      [
        "early hints first",
        (each, stream) => ["HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n", ...own(each, stream)],
      ],
      [
        "one byte at a time",
        (each, stream) => [
          head(200, { "content-type": typeOf(stream) }),
          ...bodyOf(each, stream)
            .split("")
            .flatMap((byte, at) => (at % 40 === 0 ? [0, byte] : [byte])),
        ],
      ],
      [
        "extra bytes behind the length",
        (each, stream) => [
          whole(200, bodyOf(each, stream), { "content-type": typeOf(stream) }),
          "extra",
        ],
      ],
    ];

    test.each(
      scripts.flatMap(([name, script]) =>
        [false, true].map((stream) => ({
          name,
          script,
          stream,
          kind: stream ? "stream" : "plain",
        })),
      ),
    )("$kind: $name", async ({ script, stream }) => {
      const outcome = await ask(caller, side(), { stream, script: script(side(), stream) });
      expect([outcome.answer.status, text(caller, outcome)]).toEqual([200, "Hello there"]);
      expect(outcome.answer.headers.get("content-encoding")).toBeNull();
      if (outcome.reading)
        expect(outcome.reading).toMatchObject({ complete: true, unreadable: [] });
      expect((await running.recorded(outcome.answer)).usage).toMatchObject({
        status: "ok",
        inputTokens: 7,
        outputTokens: 3,
      });
    });
  });

  describe("R26 how long to wait", () => {
    test.each([
      [{ "retry-after": "7" }, "7"],
      [{ "retry-after-ms": "1500" }, "2"],
      [{ "retry-after": "0" }, "1"],
      [{ "retry-after": "soon" }, "2"],
      [{ "retry-after": "-5" }, "2"],
      [{}, "2"],
    ])("%j is told as %s", async (headers, expected) => {
      for (const stream of [false, true]) {
        const script = [side().answers.error(429, "rate_limit_error", "Slow down.", headers)];
        const { answer, body } = await ask(caller, side(), { stream, script });
        expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, expected]);
        expect(caller.errorOf(body).type).toBe("rate_limit_error");
      }
    });
  });

  test("a 400 of the same wire reaches the client as the provider wrote it", async () => {
    if (caller.dialect !== side().wire) return;
    const said =
      caller.dialect === "openai-chat"
        ? '{"error": {"message":"No \\u00e9 here", "type":"invalid_request_error","param":"x","code":null, "inner":1.0}}'
        : '{"type":"error", "error":{"type":"invalid_request_error","message":"No \\u00e9 here","extra":1.0}, "request_id":"req_up"}';
    const { answer, body } = await ask(caller, side(), {
      stream: false,
      script: [whole(400, said)],
    });
    expect([answer.status, body]).toEqual([400, said]);
  });

  describe("S16 headers", () => {
    const callersOwn: Record<string, string> = {
      ...caller.headers,
      authorization: "Bearer the-callers-own-key",
      "x-api-key": "the-callers-own-key",
      "api-key": "the-callers-own-key",
      "x-goog-api-key": "the-callers-own-key",
      "proxy-authorization": "Basic dGhlLWNhbGxlcnMtb3duLWtleQ==",
      cookie: "session=the-callers-own-key",
      connection: "x-nominated, keep-alive",
      "x-nominated": "the-callers-own-key",
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-host": "internal-host",
      forwarded: "for=10.0.0.1",
      "x-real-ip": "10.0.0.1",
      "openai-organization": "org-of-the-caller",
      "openai-project": "proj-of-the-caller",
      "user-agent": "caller/1.0",
      "x-custom": "anything",
      te: "trailers",
    };
    const admitted =
      /^(?:host|accept|accept-encoding|user-agent|content-type|content-length|connection|authorization|x-api-key|anthropic-version|anthropic-beta)$/;

    test.each([false, true])(
      "nothing of the caller's goes upstream (stream: %p)",
      async (stream) => {
        for (const backed of [false, true]) {
          const script = backed ? [whole(502, "")] : own(side(), stream);
          const body = JSON.stringify(caller.body(side().model(backed), { stream }));
          const outcome = await ask(caller, side(), {
            stream,
            backed,
            script,
            init: { method: "POST", headers: callersOwn, body },
          });
          expect(outcome.answer.status).toBe(200);
          for (const { headers } of [...side().faulty.requests, ...side().sound.requests]) {
            expect(JSON.stringify(headers)).not.toMatch(
              /callers-own-key|dGhlLW|10\.0\.0\.1|of-the-caller|caller\/1\.0/,
            );
            expect(JSON.stringify(headers)).toMatch(/operator-key-\d/);
            expect(Object.keys(headers).filter((name) => !admitted.test(name))).toEqual([]);
          }
        }
      },
    );

    const theirs: Record<string, string | string[]> = {
      "set-cookie": ["session=1; Path=/", "other=2"],
      server: "nginx/internal-host-17",
      via: "1.1 internal-host-17",
      "x-served-by": "internal-host-17",
      "x-powered-by": "internal-host-17",
      "keep-alive": "timeout=5",
      "proxy-authenticate": "Basic realm=internal-host-17",
      trailer: "x-late",
      upgrade: "h2c",
      "alt-svc": 'h3="internal-host-17:443"',
      "strict-transport-security": "max-age=1",
      "access-control-allow-origin": "*",
      "x-megallm-provider": "forged",
      "x-request-id": "forged",
      location: "http://internal-host-17/",
      "content-security-policy": "default-src 'none'",
    };

    test.each([false, true])(
      "nothing of the upstream's connection comes back (stream: %p)",
      async (stream) => {
        const sound = [
          head(200, { ...theirs, "content-type": typeOf(stream) }),
          bodyOf(side(), stream),
        ];
        for (const script of [
          sound,
          [
            side().answers.error(
              400,
              "invalid_request_error",
              "No.",
              theirs as Record<string, string>,
            ),
          ],
        ]) {
          const { answer } = await ask(caller, side(), { stream, script });
          for (const name of Object.keys(theirs)) {
            if (name === "x-request-id") expect(answer.headers.get(name)).not.toBe("forged");
            else if (name === "x-megallm-provider")
              expect(answer.headers.get(name)).toBe(side().provider);
            else expect([name, answer.headers.get(name)]).toEqual([name, null]);
          }
        }
      },
    );
  });

  test("a key that the provider repeats is not passed on", async () => {
    const say = `The key operator-key-${index === 0 ? 1 : 3} is odd.`;
    for (const status of [400, 404, 429, 500]) {
      const script = [side().answers.error(status, "invalid_request_error", say)];
      const { body } = await ask(caller, side(), { stream: false, script });
      expect(caller.errorOf(body).message).toContain("The key *** is odd.");
    }
  });

  test("a key that the provider repeats in an answer of status 200 is not passed on", async () => {
    const key = `operator-key-${index === 0 ? 1 : 3}`;
    const said = side().answers.error(200, "invalid_request_error", `The key ${key} is odd.`);
    for (const stream of [false, true]) {
      const { answer, body } = await ask(caller, side(), { stream, script: [said] });
      expect(answer.status).toBe(400);
      expect(caller.errorOf(body).message).toContain("The key *** is odd.");
    }
    const script = shownThen(side(), () => [
      chunk(side().answers.errorFrame("invalid_request_error", `The key ${key} is odd.`)),
      lastChunk,
    ]);
    const { reading, body } = await ask(caller, side(), { stream: true, script });
    expect(reading?.error).toBeString();
    expect(body).toContain("The key *** is odd.");
  });

  test("an error that repeats a long request keeps its status, its words and its patience", async () => {
    const input = "x".repeat(200_000);
    const error = { message: "Slow down.", type: "rate_limit_error", param: null, code: null };
    const long = JSON.stringify({ type: "error", error: { ...error, input } });
    const endless = `<p>${"x".repeat(3_000_000)}`;
    const wait = { "retry-after": "7" };
    for (const stream of [false, true]) {
      for (const [body, says] of [
        [long, "Slow down."],
        [endless, "status 429"],
      ] as const) {
        const outcome = await ask(caller, side(), { stream, script: [whole(429, body, wait)] });
        expect([outcome.answer.status, outcome.answer.headers.get("retry-after")]).toEqual([
          429,
          "7",
        ]);
        expect(caller.errorOf(outcome.body).message).toContain(says);
      }
    }
    const script = [whole(400, JSON.stringify({ error: { ...error, input } }))];
    const { answer } = await ask(caller, side(), { stream: false, backed: true, script });
    // Another deployment would be asked the same faulty thing.
    expect([answer.status, side().sound.requests.length]).toEqual([400, 0]);
  });
});

test("nobody listens, and names that do not resolve", async () => {
  const closed = await startScripted();
  await closed[Symbol.asyncDispose]();
  const gone = await startInProcess({
    providers: {
      refused: { type: "openai-compatible", base_url: closed.url, api_key: "k" },
      unknown: { type: "openai-compatible", base_url: "http://no-such-host.invalid", api_key: "k" },
    },
  });
  for (const model of ["refused/m", "unknown/m"]) {
    for (const caller of callers) {
      for (const stream of [false, true]) {
        const answer = await gone.fetch(
          caller.paths[0],
          postAs(caller, caller.body(model, { stream })),
        );
        expect([answer.status, answer.headers.get("content-type")]).toEqual([
          502,
          "application/json",
        ]);
        caller.errorOf(await answer.text());
        expect((await gone.recorded(answer)).usage.errorCode).toBe("upstream_unavailable");
      }
    }
  }
  await gone.close();
});

test("R02 a client that leaves before the answer: no further attempt, one row", async () => {
  for (const caller of callers) {
    for (const side of sides) {
      for (const stream of [false, true]) {
        side.faulty.answer([hang]);
        side.sound.answer(side.answers.plain);
        const leaving = new AbortController();
        const request = postAs(caller, caller.body(side.model(true), { stream }), {
          signal: leaving.signal,
        });
        const answered = running.fetch(caller.paths[0], request);
        await Bun.sleep(30);
        leaving.abort();
        const answer = await answered;
        const row = await running.recorded(answer);
        expect(row.usage).toMatchObject({
          status: "client_closed",
          httpStatus: 499,
          errorCode: "client_closed",
          attempts: 1,
        });
        expect(row.attempts).toMatchObject([{ status: "client_closed" }]);
        await Bun.sleep(5);
        expect([side.faulty.open(), side.sound.requests.length]).toEqual([0, 0]);
      }
    }
  }
});

test("R01 a client that leaves a stream: the upstream is closed at once, one row with what was told", async () => {
  for (const caller of callers) {
    for (const side of sides) {
      for (const how of ["cancel", "abort"]) {
        const frames = side.answers.frames.slice(0, 3).map(chunk);
        side.faulty.answer([streamHead(), ...frames, hang]);
        const leaving = new AbortController();
        const answer = await running.fetch(
          caller.paths[0],
          postAs(caller, caller.body(side.model(false), { stream: true }), {
            signal: leaving.signal,
          }),
        );
        const reader = answer.body?.getReader();
        await reader?.read();
        if (how === "abort") leaving.abort();
        else await reader?.cancel();
        const row = await running.recorded(answer);
        expect([how, row.usage.status, row.usage.httpStatus]).toEqual([how, "client_closed", 499]);
        expect(row.usage.inputTokens).toBeGreaterThan(0);
        await Bun.sleep(5);
        expect(side.faulty.open()).toBe(0);
      }
    }
  }
});

test("nothing is in flight, nothing failed unseen, no log line holds a secret", async () => {
  await running.idle();
  expect((await running.gateway.status()).backgroundFailures).toBe(failuresBefore);
  expect(running.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  expect(running.lines.filter((line) => /operator-key-\d"/.test(line))).toEqual([]);
});
