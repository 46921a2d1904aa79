// The real listener over real sockets: what no well-behaved client sends, and what happens while streams are open.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type Caller, callers, openAiCaller, postAs } from "../support/callers.ts";
import { adminKey, type InProcess, startInProcess } from "../support/in-process.ts";
import { rawClient, rawExchange, rawRequest } from "../support/raw-client.ts";
import {
  chunk,
  hang,
  json,
  lastChunk,
  type Script,
  type ScriptedUpstream,
  startScripted,
  streamHead,
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

let openAi: ScriptedUpstream;
let anthropic: ScriptedUpstream;
let backup: ScriptedUpstream;
let running: InProcess;
let port: number;
let origin: string;
/** Requests that the listener has handed over. */
let arrived = 0;
const clientKey = "a-key-of-a-client-0123456789";

/** Short, so that tests need not wait. */
const pacing = { bodyMs: 400, holdMs: 40, keepAliveMs: 30, openEarlyMs: 80 };

/** Clients that are too slow for the server to wait for, begun early: it takes 12 s to give them up. */
let slow: Promise<{ name: string; seconds: number; text: string }[]>;

async function drip(
  name: string,
  begin: string,
  piece: string,
): Promise<{ name: string; seconds: number; text: string }> {
  const client = await rawClient(port);
  const began = performance.now();
  client.write(begin);
  const timer = setInterval(() => client.write(piece), 1_000);
  try {
    const text = await client.closed(25_000);
    return { name, seconds: (performance.now() - began) / 1_000, text };
  } finally {
    clearInterval(timer);
  }
}

beforeAll(async () => {
  [openAi, anthropic, backup] = await Promise.all([
    startScripted(),
    startScripted(),
    startScripted(),
  ]);
  running = await startInProcess(
    {
      providers: {
        oai: { type: "openai-compatible", base_url: openAi.url, api_key: "operator-key-o" },
        ant: { type: "anthropic-compatible", base_url: anthropic.url, api_key: "operator-key-a" },
        backup: { type: "openai-compatible", base_url: backup.url, api_key: "operator-key-b" },
      },
      models: {
        "oai-backed": { deployments: [{ model: "oai/m-1" }], fallbacks: ["backup/m-2"] },
        "ant-backed": { deployments: [{ model: "ant/m-1" }], fallbacks: ["backup/m-2"] },
      },
    },
    { pacing },
  );
  const listening = await running.listen({
    fetch(request) {
      arrived += 1;
      return running.gateway.fetch(request);
    },
    allowedHosts: ["gateway.corp"],
    allowedOrigins: ["https://app.example"],
  });
  port = listening.port;
  origin = `http://127.0.0.1:${port}`;
  slow = Promise.all([
    drip(
      "headers that never end",
      `GET /health HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`,
      "x-a: b\r\n",
    ),
    drip("a request line that never ends", "GET /he", "a"),
    drip("silence", "", ""),
  ]);
  slow.catch(() => {});
});

afterAll(async () => {
  await running.close();
  for (const upstream of [openAi, anthropic, backup]) await upstream[Symbol.asyncDispose]();
});

afterEach(async () => {
  await running.idle();
});

const reach = [
  "GET /v1/models",
  "GET /v1/models/oai/m-1",
  "POST /v1/chat/completions",
  "POST /chat/completions",
  "POST /v1/messages",
  "POST /v1/messages/count_tokens",
  "POST /v1/embeddings",
  "GET /health",
  "GET /health/ready",
  "GET /admin/status",
  "POST /admin/reload",
  "GET /",
  "GET /v1/responses",
  "OPTIONS /v1/messages",
];

const soundBody = JSON.stringify(openAiCaller.body("oai/m-1"));
const bodyFor = (line: string): string => (line.startsWith("POST") ? soundBody : "");

const withHost = (line: string, ...hosts: string[]): string => {
  const body = bodyFor(line);
  const lines = hosts.map((host) => `host: ${host}\r\n`).join("");
  return `${line} HTTP/1.1\r\n${lines}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
};

describe("S01 a rebound name reaches nothing", () => {
  test.each(reach)("%s", async (line) => {
    openAi.answer(openAiAnswers.plain);
    for (const host of [
      "evil.test",
      `evil.test:${port}`,
      "EVIL.test.",
      `127.0.0.1.evil.test:${port}`,
      "[::2]",
      "10.0.0.1",
    ]) {
      const { status, text } = await rawExchange(port, withHost(line, host));
      expect([host, status]).toEqual([host, 403]);
      expect(text).toMatch(/x-request-id: req_/);
      expect(text).toMatch(/is not one this gateway answers to/);
      expect(text).not.toMatch(/access-control/i);
    }
    expect(openAi.requests).toHaveLength(0);
  });

  test.each(["localhost", "LOCALHOST.", "127.0.0.1", "[::1]", "gateway.corp", "Gateway.Corp:443"])(
    "%s passes",
    async (host) => {
      expect((await rawExchange(port, withHost("GET /health", host))).status).toBe(200);
    },
  );
});

describe("S05 M03 a Host that would change the path", () => {
  const bad = [
    "",
    " ",
    "/",
    "a/b",
    "localhost/admin",
    "a?b",
    "a#b",
    "a@b",
    "user:pw@localhost",
    String.raw`a\b`,
    "a b",
    "localhost, evil.test",
    "localhost:",
    "localhost:99999",
    "localhost:6342x",
    "[::1",
    "::1",
    "%6cocalhost",
    "localhost%00",
    "-a",
    "a:1:2",
    "\u00e9",
  ];

  test.each(reach)("%s", async (line) => {
    openAi.answer(openAiAnswers.plain);
    for (const host of bad) {
      const { status } = await rawExchange(port, withHost(line, host));
      expect([host, status]).toEqual([host, 400]);
    }
    for (const hosts of [
      [],
      ["localhost", "localhost"],
      ["localhost", "evil.test"],
      ["evil.test", "localhost"],
    ]) {
      const { status } = await rawExchange(port, withHost(line, ...hosts));
      expect([hosts, status]).toEqual([hosts, 400]);
    }
    expect(openAi.requests).toHaveLength(0);
  });

  test("HTTP/1.0 without a Host", async () => {
    expect((await rawExchange(port, "GET /v1/models HTTP/1.0\r\n\r\n")).status).toBe(400);
  });

  test("a target in absolute form: its path is the path, and the Host still decides", async () => {
    const get = async (target: string, host: string): Promise<number> =>
      (await rawExchange(port, `GET ${target} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).status;
    const own = `127.0.0.1:${port}`;
    expect(await get(`http://${own}/health`, own)).toBe(200);
    expect(await get(`http://${own}/nothing`, own)).toBe(404);
    expect(await get("http://evil.test/admin/status", own)).toBe(401);
    expect(await get(`http://${own}/health`, "evil.test")).toBe(403);
    expect(await get("evil.test/health", own)).toBe(400);
    expect(await get("*", own)).toBe(400);
  });

  test("S38 a path that is spelled in another way opens nothing that the plain one keeps shut", async () => {
    for (const target of [
      "/admin/status",
      "//admin/status",
      "/admin//status",
      "/%61dmin/status",
      "/admin%2fstatus",
      "/admin/./status",
      "/v1/../admin/status",
      "/v1/%2e%2e/admin/status",
      "/admin/status/",
      "/ADMIN/status",
      "/admin/status;x",
      "/admin/status%00",
      String.raw`/admin\status`,
      "/admin/requests/x",
      "/admin",
      "/admin/",
      "/admin/nothing",
      "/admin/status?key=1",
    ]) {
      const { status } = await rawExchange(port, rawRequest(port, `GET ${target}`));
      expect([target, [400, 401, 404].includes(status)]).toEqual([target, true]);
    }
  });
});

describe("M04 methods", () => {
  test.each(["TRACE", "CONNECT"])("%s", async (method) => {
    for (const path of ["/v1/models", "/v1/messages", "/admin/status"]) {
      const answer = await rawExchange(port, rawRequest(port, `${method} ${path}`));
      expect([path, answer.status]).toEqual([path, 405]);
      expect(answer.text).toMatch(/allow: GET/i);
    }
  });

  test("CONNECT with a target of its own kind", async () => {
    const { status } = await rawExchange(
      port,
      "CONNECT evil.test:443 HTTP/1.1\r\nhost: evil.test:443\r\n\r\n",
      1_000,
    );
    expect(status === 0 || (status >= 400 && status < 500)).toBe(true);
  });

  test.each(["FOO", "PROPFIND", "get", "G@T", "BREW"])("%s is not served", async (method) => {
    const { status, text } = await rawExchange(
      port,
      rawRequest(port, `${method} /v1/models`),
      1_000,
    );
    expect([
      status === 0 || (status >= 400 && status < 600),
      text.includes('"object":"list"'),
    ]).toEqual([true, false]);
  });

  test("an unknown version", async () => {
    const { status } = await rawExchange(
      port,
      `GET /health HTTP/1.2\r\nhost: 127.0.0.1:${port}\r\n\r\n`,
      1_000,
    );
    expect([0, 400, 505]).toContain(status);
  });
});

describe("M05 framing: nothing ambiguous is served", () => {
  const post = "POST /v1/chat/completions HTTP/1.1\r\n";
  const refused: [string, (host: string) => string][] = [
    [
      "content-length and transfer-encoding",
      (host) => `${post}${host}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "transfer-encoding and content-length",
      (host) => `${post}${host}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n`,
    ],
    [
      "two content-lengths",
      (host) => `${post}${host}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`,
    ],
    ["a list of content-lengths", (host) => `${post}${host}content-length: 5, 6\r\n\r\nhello`],
    ["a negative content-length", (host) => `${post}${host}content-length: -5\r\n\r\n`],
    ["a content-length of letters", (host) => `${post}${host}content-length: five\r\n\r\n`],
    ["a content-length with a plus", (host) => `${post}${host}content-length: +5\r\n\r\nhello`],
    [
      "a huge content-length",
      (host) => `${post}${host}content-length: 99999999999999999999999\r\n\r\n`,
    ],
    [
      "an unknown transfer-encoding",
      (host) => `${post}${host}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "chunked, and then something",
      (host) => `${post}${host}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    ],
    ["a space before the colon", (host) => `${post}${host}content-length : 5\r\n\r\nhello`],
    ["a folded header", (host) => `${post}${host}x-a: b\r\n c\r\ncontent-length: 2\r\n\r\n{}`],
    ["a NUL in a header", (host) => `${post}${host}x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}`],
    [
      "a bare CR in a header",
      (host) => `${post}${host}x-a: b\rc: d\r\ncontent-length: 2\r\n\r\n{}`,
    ],
    [
      "a bad chunk size",
      (host) => `${post}${host}transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n`,
    ],
    [
      "17 KB of one header",
      (host) => `GET /health HTTP/1.1\r\n${host}x-a: ${"b".repeat(17_000)}\r\n\r\n`,
    ],
    [
      "400 headers",
      (host) =>
        `GET /health HTTP/1.1\r\n${host}${Array.from({ length: 400 }, (_, index) => `x-${index}: ${"b".repeat(60)}\r\n`).join("")}\r\n`,
    ],
    ["a target of 20 KB", (host) => `GET /${"a".repeat(20_000)} HTTP/1.1\r\n${host}\r\n`],
    ["no request line", () => "\0\0\0\0\r\n\r\n"],
    ["a TLS hello", () => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ];

  test.each(refused)("%s", async (_name, bytes) => {
    openAi.answer(openAiAnswers.plain);
    const { status, text } = await rawExchange(port, bytes(`host: 127.0.0.1:${port}\r\n`), 600);
    expect([status === 0 || (status >= 400 && status < 600), status]).toEqual([true, status]);
    expect(text.match(/HTTP\/1\.1 2/g)).toBeNull();
    expect(openAi.requests).toHaveLength(0);
    // And the next client is served.
    expect((await fetch(`${origin}/health`)).status).toBe(200);
  });

  test("a request behind a refused one is not served", async () => {
    const client = await rawClient(port);
    client.write(
      `${post}host: 127.0.0.1:${port}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${rawRequest(port, "GET /v1/models")}`,
    );
    const text = await client.closed(2_000);
    expect(text).not.toContain('"object":"list"');
  });

  test("two requests at once on one connection are answered in order", async () => {
    const client = await rawClient(port);
    client.write(rawRequest(port, "GET /health") + rawRequest(port, "GET /nothing"));
    const text = await client.until(/not_found|is not served here/);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 404"]);
    client.socket.destroy();
  });

  test("a client that waits to be told to go on with its body", async () => {
    openAi.answer(openAiAnswers.plain);
    const client = await rawClient(port);
    const whole = rawRequest(port, "POST /v1/chat/completions", {
      body: soundBody,
      headers: ["expect: 100-continue"],
    });
    client.write(whole.slice(0, -soundBody.length));
    await client.until("HTTP/1.1 100");
    client.write(soundBody);
    expect(await client.until("Hello there")).toContain("HTTP/1.1 200");
    client.socket.destroy();
  });
});

describe("bodies that do not come", () => {
  test("a declared body above the limit is refused before it is sent", async () => {
    const began = performance.now();
    const head = rawRequest(port, "POST /v1/messages", { headers: ["content-length: 999999999"] });
    const { status, text } = await rawExchange(port, head);
    expect(status).toBe(413);
    expect(text).toContain("too_large");
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(await running.newest()).toMatchObject({
      errorCode: "too_large",
      httpStatus: 413,
      inboundDialect: "anthropic-messages",
    });
  });

  test.each([
    ["a declared body, silent", "content-length: 1000", "{", ""],
    ["a declared body, drop by drop", "content-length: 1000", "{", "a"],
    ["a chunked body, silent", "transfer-encoding: chunked", "1\r\n{\r\n", ""],
    ["a chunked body, drop by drop", "transfer-encoding: chunked", "1\r\n{\r\n", "1\r\na\r\n"],
  ])("S41 %s: 408", async (_name, header, begin, piece) => {
    const client = await rawClient(port);
    const head = rawRequest(port, "POST /v1/messages", { headers: [header] });
    client.write(head + begin);
    const timer = setInterval(() => client.write(piece), 50);
    const text = await client.until("came too slowly").finally(() => clearInterval(timer));
    expect(text).toStartWith("HTTP/1.1 408");
    client.reset();
    expect(await running.newest()).toMatchObject({
      errorCode: "invalid_request",
      httpStatus: 408,
      inboundDialect: "anthropic-messages",
    });
  });

  test("a client that leaves in the middle of its body: one row, nothing upstream", async () => {
    openAi.answer(openAiAnswers.plain);
    for (const how of ["reset", "end"] as const) {
      const before = await running.store.count();
      const client = await rawClient(port);
      client.write(
        rawRequest(port, "POST /v1/chat/completions", {
          headers: [`content-length: ${soundBody.length}`],
        }) + soundBody.slice(0, 20),
      );
      await waitFor(() => running.gateway.inFlight === 1);
      if (how === "reset") client.reset();
      else client.socket.destroy();
      await running.idle();
      expect([how, await running.store.count()]).toEqual([how, before + 1]);
      expect(await running.newest()).toMatchObject({ status: "client_closed", httpStatus: 499 });
    }
    expect(openAi.requests).toHaveLength(0);
    expect(running.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});

interface Pair {
  name: string;
  caller: Caller;
  upstream: () => ScriptedUpstream;
  answers: WireAnswers;
  model: string;
  backed: string;
}

const pairs: Pair[] = callers.flatMap((caller) => [
  {
    name: `${caller.name} client, OpenAI upstream`,
    caller,
    upstream: () => openAi,
    answers: openAiAnswers,
    model: "oai/m-1",
    backed: "oai-backed",
  },
  {
    name: `${caller.name} client, Anthropic upstream`,
    caller,
    upstream: () => anthropic,
    answers: anthropicAnswers,
    model: "ant/m-1",
    backed: "ant-backed",
  },
]);

async function waitFor(done: () => boolean, ms = 25_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!done()) {
    if (performance.now() > deadline) throw new Error("waited in vain");
    await Bun.sleep(1);
  }
}

describe.each(pairs)("streams: $name", ({ caller, upstream, answers, model, backed }) => {
  const stream = (name = model, signal?: AbortSignal): Promise<Response> =>
    fetch(
      origin + caller.paths[0],
      postAs(caller, caller.body(name, { stream: true }), signal ? { signal } : {}),
    );
  const frames = answers.frames.map(chunk);
  const keepAlive = caller.dialect === "openai-chat" ? ": ping\n" : "event: ping\n";

  const pingsIn = async (answer: Response): Promise<number> =>
    (await answer.text()).split(keepAlive).length - 1;

  test.each([
    ["before the first content", 1],
    ["between contents", 2],
    ["before the end", 5],
  ] as const)("R09 R10 a silence %s is filled", async (_name, at) => {
    const script: Script = [
      streamHead(),
      ...frames.slice(0, at),
      200,
      ...frames.slice(at),
      lastChunk,
    ];
    upstream().answer(script);
    const answer = await stream();
    const pings = await pingsIn(answer.clone() as Response);
    expect(pings).toBeGreaterThanOrEqual(3);
    expect(await caller.read(answer)).toMatchObject({
      text: "Hello there",
      complete: true,
      unreadable: [],
    });
    expect((await running.recorded(answer)).usage).toMatchObject({ status: "ok", outputTokens: 3 });
  });

  test("R10 keep-alives never stand inside an event", async () => {
    const whole = answers.frames.join("");
    const cut = whole.length - 30;
    upstream().answer([
      streamHead(),
      chunk(whole.slice(0, cut)),
      200,
      chunk(whole.slice(cut)),
      lastChunk,
    ]);
    const answer = await stream();
    expect(await caller.read(answer)).toMatchObject({
      text: "Hello there",
      complete: true,
      unreadable: [],
    });
  });

  test("a keep-alive is not the first token", async () => {
    upstream().answer([streamHead(), ...frames.slice(0, 1), 150, ...frames.slice(1), lastChunk]);
    const answer = await stream();
    await answer.text();
    expect((await running.recorded(answer)).usage.firstTokenMs).toBeGreaterThan(120);
  });

  describe("an upstream that is silent from the start: the stream is opened early", () => {
    const silence = 700;

    test("and filled by the answer", async () => {
      upstream().answer([silence, ...streamOf(...answers.frames)]);
      const began = performance.now();
      const answer = await stream();
      expect(performance.now() - began).toBeLessThan(silence);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([
        200,
        "text/event-stream; charset=utf-8",
      ]);
      const pings = await pingsIn(answer.clone() as Response);
      expect(pings).toBeGreaterThanOrEqual(2);
      expect(await caller.read(answer)).toMatchObject({
        text: "Hello there",
        complete: true,
        unreadable: [],
      });
      expect((await running.recorded(answer)).usage).toMatchObject({
        status: "ok",
        inputTokens: 7,
        outputTokens: 3,
      });
    });

    test.each([
      ["an error", [silence, answers.error(500, "api_error", "Oh no.")], "upstream_unavailable"],
      [
        "a refusal",
        [silence, answers.error(400, "invalid_request_error", "Oh no.")],
        "upstream_rejected",
      ],
      ["nothing", [silence], "upstream_unavailable"],
      [
        "a web page",
        [silence, "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"],
        "upstream_invalid",
      ],
      [
        "half a stream",
        [silence, streamHead(), ...frames.slice(0, 1), lastChunk],
        "upstream_invalid",
      ],
    ] as [string, Script, string][])(
      "and ended by an error event after %s",
      async (_name, script, code) => {
        upstream().answer(script);
        const answer = await stream();
        const reading = await caller.read(answer);
        expect(reading).toMatchObject({
          text: "",
          complete: false,
          afterError: [],
          unreadable: [],
        });
        expect(reading.error).toBeString();
        const row = await running.recorded(answer);
        expect(row.usage).toMatchObject({
          status: "error",
          errorCode: code,
          httpStatus: 200,
          attempts: 1,
        });
        expect(row.attempts).toMatchObject([{ errorCode: code }]);
      },
    );

    test("and answered by another deployment", async () => {
      upstream().answer([silence, json(503, {})]);
      backup.answer(streamOf(...openAiAnswers.frames));
      const answer = await stream(backed);
      expect(await caller.read(answer)).toMatchObject({
        text: "Hello there",
        complete: true,
        unreadable: [],
      });
      expect((await running.recorded(answer)).usage).toMatchObject({
        status: "ok",
        provider: "backup",
        attempts: 2,
      });
    });

    test.each([20, 110, 170])("and left by the client after %d ms", async (ms) => {
      upstream().answer([hang]);
      backup.answer(streamOf(...openAiAnswers.frames));
      const leaving = new AbortController();
      const before = await running.store.count();
      const left = stream(backed, leaving.signal)
        .then((answer) => answer.text())
        .then(
          () => "ended",
          () => "aborted",
        );
      await waitFor(() => upstream().open() === 1);
      await Bun.sleep(ms);
      leaving.abort();
      expect(await left).toBe("aborted");
      await running.idle();
      expect(await running.store.count()).toBe(before + 1);
      expect(await running.newest()).toMatchObject({
        status: "client_closed",
        httpStatus: 499,
        attempts: 1,
      });
      await waitFor(() => upstream().open() === 0);
      expect(backup.requests).toHaveLength(0);
    });
  });

  test("R01 M09 a client that leaves in the middle: upstream closed in milliseconds, one row", async () => {
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      upstream().answer([streamHead(), ...frames.slice(0, 3), hang]);
      const client = await rawClient(port);
      client.write(
        rawRequest(port, `POST ${caller.paths[0]}`, {
          body: JSON.stringify(caller.body(model, { stream: true })),
        }),
      );
      await client.until("there");
      const before = await running.store.count();
      const began = performance.now();
      client.reset();
      await waitFor(() => upstream().open() === 0);
      times.push(performance.now() - began);
      await running.idle();
      expect(await running.store.count()).toBe(before + 1);
      expect(await running.newest()).toMatchObject({ status: "client_closed", httpStatus: 499 });
    }
    expect(times.toSorted((a, b) => a - b)[2]).toBeLessThan(50);
  });

  test("R03 a client that leaves right behind the terminal event was answered", async () => {
    for (let round = 0; round < 20; round += 1) {
      upstream().answer([streamHead(), ...frames, hang]);
      const client = await rawClient(port);
      client.write(
        rawRequest(port, `POST ${caller.paths[0]}`, {
          body: JSON.stringify(caller.body(model, { stream: true })),
        }),
      );
      await client.until(caller.dialect === "openai-chat" ? "[DONE]" : "message_stop");
      client.reset();
      await running.idle();
      expect(await running.newest()).toMatchObject({ status: "ok", outputTokens: 3 });
    }
  });
});

describe("R05 a reader that is frozen", () => {
  const megabyte = 1024 * 1024;
  /** 256 MB in events of 16 KB, made only as fast as they are taken. */
  function flood(): { server: Bun.Server<undefined>; made: () => number; aborted: () => boolean } {
    let made = 0;
    let aborted = false;
    const piece = Buffer.from(
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content: "x".repeat(16_384) }, finish_reason: null }] })}\n\n`,
    );
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch(request) {
        made = 0;
        aborted = false;
        request.signal.addEventListener("abort", () => {
          aborted = true;
        });
        const body = new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              if (made >= 256 * megabyte) controller.close();
              else controller.enqueue(piece);
              made += piece.length;
            },
          },
          { highWaterMark: 0 },
        );
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      },
    });
    return { server, made: () => made, aborted: () => aborted };
  }

  test.each(callers.map((caller) => ({ name: caller.name, caller })))(
    "$name client",
    async ({ caller }) => {
      const source = flood();
      const gateway = await startInProcess({
        providers: {
          oai: {
            type: "openai-compatible",
            base_url: `http://127.0.0.1:${source.server.port}`,
            api_key: "k",
          },
        },
      });
      const listening = await gateway.listen();
      const client = await rawClient(listening.port);
      client.socket.pause();
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      client.write(
        rawRequest(listening.port, `POST ${caller.paths[0]}`, {
          body: JSON.stringify(caller.body("oai/m", { stream: true })),
        }),
      );
      await waitFor(() => source.made() > 0);
      await Bun.sleep(700);
      const stalled = source.made();
      await Bun.sleep(300);
      // It stands still, with what the sockets' buffers hold; nothing piles up here.
      expect(source.made()).toBe(stalled);
      expect(stalled).toBeLessThan(64 * megabyte);
      expect((process.memoryUsage().rss - before) / megabyte).toBeLessThan(40);
      expect(gateway.gateway.inFlight).toBe(1);
      client.reset();
      await waitFor(source.aborted);
      await gateway.idle();
      expect(await gateway.newest()).toMatchObject({ status: "client_closed", httpStatus: 499 });
      await gateway.close();
      await source.server.stop(true);
    },
  );

  test("is given up in the end, although its connection is open", async () => {
    const source = flood();
    const base_url = `http://127.0.0.1:${source.server.port}`;
    const gateway = await startInProcess(
      { providers: { oai: { type: "openai-compatible", base_url, api_key: "k" } } },
      { pacing: { frozenMs: 300 } },
    );
    const listening = await gateway.listen();
    const client = await rawClient(listening.port);
    client.socket.pause();
    const body = JSON.stringify(openAiCaller.body("oai/m", { stream: true }));
    client.write(rawRequest(listening.port, "POST /v1/chat/completions", { body }));
    await waitFor(() => source.made() > 0);
    await waitFor(source.aborted);
    expect(await gateway.newest()).toMatchObject({ status: "client_closed", httpStatus: 499 });
    client.socket.resume();
    expect(await client.closed()).not.toContain("[DONE]");
    await gateway.close();
    await source.server.stop(true);
  });
});

test.each(["/v1/models", "/models", "/v1/models/", "/models/oai-backed", "/v1/models/oai-backed"])(
  "GET %s is served, with `/v1` or without",
  async (path) => {
    const answer = await fetch(origin + path);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('"oai-backed"');
  },
);

describe("R34 the daemon gives up on what runs", () => {
  test("streams end with the error event of their wire, plain requests with a 503", async () => {
    const gateway = await startInProcess(
      {
        providers: {
          oai: { type: "openai-compatible", base_url: openAi.url, api_key: "k" },
          ant: { type: "anthropic-compatible", base_url: anthropic.url, api_key: "k" },
        },
      },
      { pacing },
    );
    const base = (await gateway.listen()).urls[0] ?? "";
    openAi.answer([streamHead(), ...openAiAnswers.frames.slice(0, 3).map(chunk), hang]);
    anthropic.answer([streamHead(), ...anthropicAnswers.frames.slice(0, 3).map(chunk), hang]);
    const open = await Promise.all(
      callers.flatMap((caller) =>
        ["oai/m", "ant/m"].map(async (model) => ({
          caller,
          answer: await fetch(
            base + caller.paths[0],
            postAs(caller, caller.body(model, { stream: true })),
          ),
        })),
      ),
    );
    const early = Promise.all(
      callers.map(async (caller) => {
        backup.answer([hang]);
        return {
          caller,
          answer: await fetch(base + caller.paths[0], postAs(caller, caller.body("oai/m"))),
        };
      }),
    );
    await waitFor(() => gateway.gateway.inFlight === 6);
    gateway.gateway.drain();
    expect((await fetch(`${base}/health/ready`)).status).toBe(503);
    gateway.gateway.abort();
    for (const { caller, answer } of open) {
      const reading = await caller.read(answer);
      expect(reading).toMatchObject({
        text: "Hello there",
        complete: false,
        afterError: [],
        unreadable: [],
      });
      expect(reading.error).toContain("shutting down");
      expect((await gateway.recorded(answer)).usage).toMatchObject({
        status: "error",
        errorCode: "unavailable",
      });
    }
    for (const { caller, answer } of await early) {
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
      expect(caller.errorOf(await answer.text()).message).toContain("shutting down");
    }
    await gateway.idle();
    await gateway.close();
  });
});

describe("S04 the admin plane", () => {
  let locked: InProcess;
  let base: string;
  beforeAll(async () => {
    locked = await startInProcess({
      providers: {
        oai: {
          type: "openai-compatible",
          base_url: openAi.url,
          api_key: "operator-key-o",
          headers: { "x-team": "secret-header-value" },
        },
      },
      keys: { client: clientKey },
    });
    base = (await locked.listen()).urls[0] ?? "";
  });
  afterAll(() => locked.close());

  const routes = [
    "GET /admin/status",
    "GET /admin/usage",
    "GET /admin/usage?by=key",
    "GET /admin/requests",
    "GET /admin/requests/req_x",
    "POST /admin/reload",
    "GET /admin/nothing",
    "DELETE /admin/status",
    "GET /admin",
  ];
  const call = (line: string, headers: Record<string, string>): Promise<Response> => {
    const [method = "", path = ""] = line.split(" ");
    return fetch(base + path, { method, headers });
  };

  test.each(routes)("%s: 401 without the admin key, from this machine too", async (line) => {
    const attempts: Record<string, string>[] = [
      {},
      { authorization: "Bearer wrong" },
      { authorization: `Bearer ${clientKey}` },
      { "x-api-key": clientKey },
      { authorization: `Basic ${adminKey}` },
      { authorization: `Bearer ${adminKey.slice(0, -1)}` },
      { authorization: "Bearer " },
      { cookie: `key=${adminKey}` },
      { "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1" },
    ];
    for (const headers of attempts) {
      const answer = await call(line, headers);
      expect([headers, answer.status]).toEqual([headers, 401]);
      const text = await answer.text();
      expect(openAiCaller.errorOf(text).message).toMatch(/admin key|Bearer <key>/);
      expect(text).not.toContain(adminKey);
    }
    expect((await call(`${line}?key=${adminKey}`, {})).status).toBe(401);
  });

  test("with it: sound answers, and never a secret", async () => {
    const headers = { authorization: `Bearer ${adminKey}` };
    for (const line of routes) {
      const answer = await call(line, headers);
      const text = await answer.text();
      expect([line, answer.status]).toEqual([
        line,
        /nothing|req_x|DELETE|\/admin$/.test(line) ? 404 : 200,
      ]);
      expect(text).not.toMatch(/operator-key|a-key-of-a-client|admin-key-of|secret-header-value/);
    }
    const status = (await (await call("GET /admin/status", headers)).json()) as Record<
      string,
      unknown
    >;
    expect(status).toMatchObject({
      inFlight: 0,
      backgroundFailures: failuresBefore,
      providers: [{ name: "oai", keys: 1 }],
    });
  });

  test.each(["by=nonsense", "since_ms=x", "since_ms=-1", "nothing=1", "by=model&by=key"])(
    "usage?%s: 400 or the first",
    async (query) => {
      const answer = await call(`GET /admin/usage?${query}`, {
        authorization: `Bearer ${adminKey}`,
      });
      expect([200, 400]).toContain(answer.status);
      if (!query.startsWith("by=model")) expect(answer.status).toBe(400);
    },
  );

  test.each([
    "limit=0",
    "limit=1000000000",
    "limit=x",
    "cursor=garbage",
    "cursor=%00",
    `cursor=${"x".repeat(300)}`,
  ])("S42 requests?%s: 400", async (query) => {
    const answer = await call(`GET /admin/requests?${query}`, {
      authorization: `Bearer ${adminKey}`,
    });
    expect(answer.status).toBe(400);
  });

  test("the key by any of the four headers, the wrong one beside it refused", async () => {
    for (const name of ["x-api-key", "api-key", "x-goog-api-key"]) {
      expect((await call("GET /admin/status", { [name]: adminKey })).status).toBe(200);
    }
    const two = await call("GET /admin/status", {
      authorization: `Bearer ${adminKey}`,
      "x-api-key": "other",
    });
    expect(two.status).toBe(400);
  });

  test("health is open, and says nothing of the inside", async () => {
    for (const path of ["/health", "/health/live", "/health/ready", "/"]) {
      const text = await (await fetch(base + path)).text();
      expect(text).not.toMatch(/oai|provider|version|key/);
    }
  });

  test("the data plane needs the client's key on every route", async () => {
    for (const line of [
      "GET /v1/models",
      "GET /v1/models/oai/m",
      "POST /v1/chat/completions",
      "POST /v1/messages",
      "POST /v1/messages/count_tokens",
      "POST /v1/embeddings",
      "POST /v1/completions",
      "POST /v1/moderations",
    ]) {
      for (const headers of [
        {},
        { authorization: "Bearer wrong" },
        { authorization: `Bearer ${adminKey}` },
      ] as Record<string, string>[]) {
        const answer = await call(line, headers);
        expect([line, answer.status]).toEqual([line, 401]);
        expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
      }
    }
    expect((await call("GET /v1/models", { "x-api-key": clientKey })).status).toBe(200);
  });
});

describe("S02 web pages", () => {
  test.each([
    [{ origin: "https://evil.test" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "https://evil.test", "content-type": "text/plain" }, 403],
    [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403],
    [{ origin: "https://app.example" }, 200],
  ] as [Record<string, string>, number][])("%j: %d", async (headers, status) => {
    openAi.answer(openAiAnswers.plain);
    const answer = await fetch(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers,
      body: soundBody,
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("access-control-allow-origin")).toBe(
      status === 200 ? "https://app.example" : null,
    );
    expect(openAi.requests).toHaveLength(status === 200 ? 1 : 0);
  });

  test("a preflight of a foreign page gets no leave", async () => {
    const preflight = (page: string): Promise<Response> =>
      fetch(`${origin}/v1/messages`, {
        method: "OPTIONS",
        headers: { origin: page, "access-control-request-method": "POST" },
      });
    const foreign = await preflight("https://evil.test");
    expect([foreign.status, foreign.headers.get("access-control-allow-origin")]).toEqual([
      403,
      null,
    ]);
    const known = await preflight("https://app.example");
    expect([known.status, known.headers.get("access-control-allow-origin")]).toEqual([
      204,
      "https://app.example",
    ]);
  });
});

test("150 clients that leave at any moment: nothing stays in flight, every request has its row", async () => {
  const before = await running.store.count();
  openAi.answer([
    streamHead(),
    ...openAiAnswers.frames.slice(0, 2).map(chunk),
    30,
    chunk(openAiAnswers.frames[2] ?? ""),
    30,
    ...openAiAnswers.frames.slice(3).map(chunk),
    lastChunk,
  ]);
  anthropic.answer([20, streamHead(), ...anthropicAnswers.frames.map(chunk), lastChunk]);
  const arrivedBefore = arrived;
  await Promise.all(
    Array.from({ length: 150 }, async (_, index) => {
      const pair = pairs[index % pairs.length];
      if (!pair) return;
      const leaving = new AbortController();
      const body = pair.caller.body(pair.model, { stream: index % 3 > 0 });
      const answered = fetch(
        origin + pair.caller.paths[0],
        postAs(pair.caller, body, { signal: leaving.signal }),
      );
      const read = answered.then((answer) => answer.text()).catch(() => {});
      await Bun.sleep(10 + ((index * 7) % 90));
      leaving.abort();
      await read;
    }),
  );
  await running.idle();
  expect((await running.gateway.status()).inFlight).toBe(0);
  // On a busy machine some leave before the server has read a word of theirs.
  expect(await running.store.count()).toBe(before + arrived - arrivedBefore);
  expect(arrived - arrivedBefore).toBeGreaterThan(50);
  for (let i = 0; i < 10; i++) {
    await Bun.sleep(300);
  }
  await waitFor(() => openAi.open() + anthropic.open() === 0);
});

test("M07 S41 slow headers and silent connections were closed", async () => {
  for (const { name, seconds, text } of await slow) {
    expect([name, seconds < 20]).toEqual([name, true]);
    expect(text).not.toContain("HTTP/1.1 200");
  }
}, 25_000);

test("after all that the process has nothing to confess", async () => {
  expect((await running.gateway.status()).backgroundFailures).toBe(failuresBefore);
  expect(running.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});
