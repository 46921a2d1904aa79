// What providers get wrong, by the items of the fault catalogue, and the answer that is stated for each.
import {
  chunk,
  hang,
  head,
  json,
  lastChunk,
  reset,
  type Script,
  streamHead,
  wait,
  whole,
} from "../support/scripted-upstream.ts";
import { streamOf, type WireAnswers } from "../support/wire-answers.ts";
import {
  auth,
  callers,
  type Fault,
  fault,
  invalid,
  limited,
  timeout,
  unavailable,
} from "./fault.ts";
import { strangers, vendors } from "./peculiar.ts";
import type { Wire } from "./wires.ts";

/** What an upstream of one wire says when it is sound, and in pieces. */
interface Said extends WireAnswers {
  bodyOf(stream: boolean): string;
  opening: string;
  hello: string;
  there: string;
}

function saidBy({ answers }: Wire): Said {
  const [opening = "", hello = "", there = ""] = answers.frames;
  const plainText = String(answers.plain[0]);
  const plainBody = plainText.slice(plainText.indexOf("\r\n\r\n") + 4);
  return {
    ...answers,
    opening,
    hello,
    there,
    bodyOf: (stream) => (stream ? answers.frames.join("") : plainBody),
  };
}

const typeOf = (stream: boolean): Record<string, string> => ({
  "content-type": stream ? "text/event-stream" : "application/json",
});
const html = { "content-type": "text/html" };
const page = "<html><head><title>502</title></head><body>proxy</body></html>";

const bodies = ({ bodyOf, error, frames, plain }: Said): readonly Fault[] => [
  ...[500, 502, 503].map((status) =>
    fault("R15", `HTML, ${status}`, () => [whole(status, page, html)], unavailable),
  ),
  fault("R15", "HTML, 200", () => [whole(200, page, html)], invalid),
  fault(
    "R15",
    "HTML that says it is sound",
    (stream) => [whole(200, page, typeOf(stream))],
    invalid,
  ),
  fault("R15", "an empty body", (stream) => [whole(200, "", typeOf(stream))], invalid),
  fault("R15", "a body of spaces", (stream) => [whole(200, " \n\n ", typeOf(stream))], invalid),
  ...["null", "[]", '"x"', "17", "true", "{}", '{"object":"list"}', "[{}]", "{", "nonsense"].map(
    (body) => fault("R15", `JSON ${body}`, () => [whole(200, body)], invalid),
  ),
  fault("R15", "204", () => [head(204)], invalid),
  fault("R15", "202", (stream) => [whole(202, bodyOf(stream), typeOf(stream))], invalid),
  fault("R15", "status 999", () => [json(999, {})], invalid),
  fault(
    "R15",
    "a stream where none was asked for, and the reverse",
    (stream) => (stream ? plain : streamOf(...frames)),
    invalid,
  ),
  ...[301, 302, 303, 307, 308].map((status) =>
    fault(
      "R15",
      `a redirect, ${status}`,
      () => [head(status, { location: "http://127.0.0.1:1/" })],
      invalid,
    ),
  ),
  fault(
    "R13",
    "an error with status 200",
    () => [error(200, "overloaded_error", "Overloaded")],
    unavailable,
  ),
];

const framing = ({ bodyOf, opening }: Said): readonly Fault[] => [
  fault("R16", "closed at once", () => [], unavailable),
  fault("R16", "reset at once", () => [reset], unavailable),
  fault("R16", "half a status line", () => ["HTTP/1.1 20"], unavailable),
  fault("R16", "not HTTP", () => ["SSH-2.0-OpenSSH_9.9\r\n\r\n"], invalid),
  fault(
    "R16",
    "cut before its content",
    (stream) =>
      stream
        ? [streamHead(), chunk(opening)]
        : [head(200, { ...typeOf(false), "content-length": "9999" }), bodyOf(false).slice(0, 50)],
    unavailable,
  ),
  fault(
    "R16",
    "two content-lengths",
    (stream) => [head(200, { ...typeOf(stream), "content-length": ["10", "20"] }), bodyOf(stream)],
    invalid,
  ),
  fault(
    "R16",
    "content-length and chunks",
    (stream) => [
      head(200, { ...typeOf(stream), "content-length": "20", "transfer-encoding": "chunked" }),
      chunk(bodyOf(stream)),
      lastChunk,
    ],
    invalid,
  ),
  fault(
    "R16",
    "a broken chunk",
    (stream) => [streamHead(typeOf(stream)), "zz\r\nhello\r\n"],
    invalid,
  ),
  fault(
    "R16",
    "80 KB of headers",
    (stream) => [
      whole(200, bodyOf(stream), {
        ...typeOf(stream),
        ...Object.fromEntries(
          Array.from({ length: 80 }, (_, index) => [`x-pad-${index}`, "y".repeat(1_000)]),
        ),
      }),
    ],
    invalid,
  ),
];

const encodings = ({ bodyOf }: Said): readonly Fault[] => [
  fault(
    "R17",
    "gzip that is none",
    (stream) => [whole(200, bodyOf(stream), { ...typeOf(stream), "content-encoding": "gzip" })],
    invalid,
  ),
  fault(
    "R17",
    "undeclared gzip",
    (stream) => [head(200, typeOf(stream)), Bun.gzipSync(bodyOf(stream))],
    invalid,
  ),
  fault(
    "R17",
    "cut gzip",
    (stream) => [
      head(200, { ...typeOf(stream), "content-encoding": "gzip" }),
      Bun.gzipSync(bodyOf(stream)).subarray(0, 20),
    ],
    invalid,
  ),
  fault(
    "R17",
    "an unknown coding",
    (stream) => [whole(200, bodyOf(stream), { ...typeOf(stream), "content-encoding": "sdch" })],
    invalid,
  ),
];

const connections: readonly Fault[] = [
  { ...fault("R20", "nobody listens", () => [], unavailable), place: "nobody" },
  fault("R20", "accepted, then silent", () => [hang], timeout),
  fault(
    "R20",
    "silent after the head",
    (stream) => [head(200, { ...typeOf(stream), "content-length": "999" }), hang],
    timeout,
  ),
];

const rejections = ({ error }: Said): readonly Fault[] => [
  ...(
    [
      [400, "invalid_request_error"],
      [404, "not_found_error"],
      [413, "request_too_large"],
      [422, "invalid_request_error"],
    ] as const
  ).map(([status, type]) =>
    fault(
      "R24",
      `${status}, the caller's fault`,
      () => [error(status, type, "No.")],
      callers(status),
    ),
  ),
  fault(
    "R25",
    "400, no credit",
    () => [error(400, "invalid_request_error", "Your credit balance is too low.")],
    auth,
  ),
  fault("R25", "402", () => [error(402, "billing_error", "Pay first.")], auth),
  fault("R25", "401, our key", () => [error(401, "authentication_error", "Incorrect key.")], auth),
  fault("R25", "403, this model", () => [error(403, "permission_error", "Not allowed.")], {
    ...auth,
    // The key may be good for other models.
    held: { restsFor: [200, 300] },
  }),
];

const waits = ({ error }: Said): readonly Fault[] => {
  const slowDown = (headers: Record<string, string>) => (): Script => [
    error(429, "rate_limit_error", "Slow down.", headers),
  ];
  return [
    fault("R26", "429, absent", slowDown({}), limited(3, 5)),
    {
      ...fault("R26", "429, seconds", slowDown({ "retry-after": "40" }), limited(35, 40)),
      retryAfter: [35, 40],
    },
    {
      ...fault(
        "R26",
        "429, an HTTP date",
        () => slowDown({ "retry-after": new Date(Date.now() + 60_000).toUTCString() })(),
        limited(50, 61),
      ),
      retryAfter: [50, 61],
    },
    {
      ...fault("R26", "429, milliseconds", slowDown({ "retry-after-ms": "7500" }), limited(5, 8)),
      retryAfter: [7, 8],
    },
    fault("R26", "429, garbage", slowDown({ "retry-after": "soon" }), limited(3, 5)),
    fault("R26", "429, huge", slowDown({ "retry-after": "99999999" }), limited(590, 600)),
    {
      ...fault(
        "R26",
        "503 with a wish",
        () => [error(503, "api_error", "Later.", { "retry-after": "9" })],
        unavailable,
      ),
      retryAfter: [8, 9],
    },
  ];
};

const breakdowns = ({ error }: Said): readonly Fault[] => [
  ...[500, 502, 503, 520, 529].map((status) =>
    fault("R27", `${status}`, () => [error(status, "api_error", "Oh no.")], unavailable),
  ),
  ...[408, 504, 524].map((status) =>
    fault("R27", `${status}`, () => [error(status, "api_error", "Too late.")], timeout),
  ),
  fault("R27", "an error without a body", () => [whole(500, "")], unavailable),
  fault(
    "R27",
    "an error cut short",
    () => [head(500, { "content-length": "500" }), '{"error":'],
    unavailable,
  ),
];

const inStreams = ({ errorFrame, frames, hello, opening }: Said): readonly Fault[] =>
  (
    [
      [
        "R13",
        "an error as the first event",
        streamOf(errorFrame("overloaded_error", "Overloaded")),
        unavailable,
      ],
      [
        "R13",
        "an error before any content",
        streamOf(opening, errorFrame("overloaded_error", "Overloaded")),
        unavailable,
      ],
      ["R12", "a stream that is empty", streamOf(), invalid],
      ["R12", "comments alone", streamOf(": hello\n\n", ": there\n\n"), invalid],
      ["R12", "a proper end before content", streamOf(opening), invalid],
      ["R12", "a reset before content", [streamHead(), chunk(opening), 20, reset], unavailable],
      ["R12", "half an event", streamOf(hello.slice(0, 60)), invalid],
      ["R12", "garbage", streamOf("data: {nonsense\n\n"), invalid],
      ["R12", "an array", streamOf("data: [1]\n\n"), invalid],
      ["R12", "only the terminal event", streamOf(frames.at(-1) ?? ""), invalid],
      ["R09", "silence before content", [streamHead(), chunk(opening), hang], timeout],
    ] as const
  ).map(([item, name, script, stated]) => ({
    ...fault(item, name, () => script, stated),
    streamOnly: true,
    // Google's wire has no event that ends it and says nothing else.
    ...(name === "only the terminal event" && { wires: ["OpenAI", "Anthropic"] as const }),
  }));

/** After the first words. */
const midStream = ({ errorFrame, hello, opening, there }: Said): readonly Fault[] =>
  (
    [
      ["R12", "a proper end without the terminal event", [lastChunk], "upstream_invalid"],
      ["R12", "the connection closed", [], "upstream_unavailable"],
      ["R12", "the connection reset", [reset], "upstream_unavailable"],
      ["R12", "a chunk cut short", [`500\r\n${there.slice(0, 40)}`], "upstream_unavailable"],
      ["R12", "a chunk that is none", ["zz\r\n"], "upstream_invalid"],
      ["R12", "half an event", [chunk(there.slice(0, 40)), lastChunk], "upstream_invalid"],
      [
        "R13",
        "an error event",
        [chunk(errorFrame("overloaded_error", "Overloaded")), lastChunk],
        "upstream_unavailable",
      ],
      ["R14", "garbage", [chunk("data: {nonsense\n\n"), lastChunk], "upstream_invalid"],
      ["R09", "silence", [hang], "upstream_timeout"],
    ] as const
  ).map(([item, name, rest, code]) => ({
    item,
    name: `midway: ${name}`,
    // The first words are told before the fault is known.
    script: () => [streamHead(), chunk(opening), chunk(hello), wait, ...rest],
    status: 200,
    code,
    fallback: false,
    held: "a failure",
    streamOnly: true,
    late: true,
  }));

/** What an upstream of this wire may do wrong, and the answer that is stated for it. */
export function faultsOf(wire: Wire): readonly Fault[] {
  const said = saidBy(wire);
  return [
    ...bodies(said),
    ...framing(said),
    ...encodings(said),
    ...connections,
    ...strangers,
    ...rejections(said),
    ...waits(said),
    ...vendors,
    ...breakdowns(said),
    ...inStreams(said),
    ...midStream(said),
  ].filter(({ wires }) => wires?.includes(wire.name) ?? true);
}
