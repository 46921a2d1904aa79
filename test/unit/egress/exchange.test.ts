// Deadlines, cancellation, faults on the wire, codings and back-pressure, against real sockets.
import { describe, expect, test } from "bun:test";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { createEgress, type EgressRequest, type EgressResponse } from "../../../src/egress.ts";
import { backgroundFailures } from "../../../src/lib/background.ts";
import { rawServer, send } from "./raw-server.ts";
import { failureOf, noLimits, toUpstream } from "./request.ts";
import { until } from "../../support/until.ts";

const failuresBefore = backgroundFailures();
const egress = createEgress({ env: {} });
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

describe("the plain exchange", () => {
  test("status, headers, body and timing arrive; any status is an answer", async () => {
    for (const status of [200, 201, 400, 401, 429, 500, 503, 529]) {
      await using upstream = await rawServer(
        send(`HTTP/1.1 ${status} X\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nok`),
      );
      const answer = await egress.send(toUpstream(upstream.url));
      expect(answer.status).toBe(status);
      expect(answer.headers.get("x-a")).toBe("1");
      expect(answer.timing.headersMs).toBeGreaterThanOrEqual(answer.timing.sentMs);
      expect(await answer.text(100)).toBe("ok");
      expect(await answer.read()).toBeNull();
    }
  });

  test("the body can be read as pieces, as a stream, as bytes", async () => {
    await using upstream = await rawServer(send(`${chunked}2\r\nab\r\n1\r\nc\r\n0\r\n\r\n`));
    const read = await egress.send(toUpstream(upstream.url));
    let text = "";
    for (let piece = await read.read(); piece; piece = await read.read())
      text += Buffer.from(piece);
    expect(text).toBe("abc");
    const stream = await egress.send(toUpstream(upstream.url));
    expect(await new Response(stream.body).text()).toBe("abc");
    const bytes = await egress.send(toUpstream(upstream.url));
    expect(Buffer.from(await bytes.bytes(3)).toString()).toBe("abc");
    const tooMuch = await egress.send(toUpstream(upstream.url));
    const failure = await failureOf(tooMuch.bytes(2));
    expect([failure.code, failure.message]).toEqual([
      "upstream_invalid",
      expect.stringContaining("larger than 2 bytes"),
    ]);
  });

  test("204 and HEAD have no body", async () => {
    await using upstream = await rawServer(send("HTTP/1.1 204 No Content\r\n\r\n"));
    const answer = await egress.send(toUpstream(upstream.url));
    expect([answer.status, answer.body, await answer.read()]).toEqual([204, null, null]);
  });

  test("a streamed request body is sent", async () => {
    await using upstream = await rawServer((socket) => setTimeout(() => socket.end(ok), 30));
    const body = new Response("streamed body").body ?? undefined;
    await egress.send(toUpstream(upstream.url, { body }));
    expect(upstream.received[0]).toContain("streamed body");
  });

  test("connections are used again, also to a pinned name", async () => {
    let requests = 0;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request, self) {
        requests += 1;
        return Response.json([self.requestIP(request)?.port, request.headers.get("host")]);
      },
    });
    const pinned = createEgress({ env: {}, resolve: async () => ["127.0.0.1"] });
    const seen = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      const answer = await pinned.send(toUpstream(`http://named.test:${server.port}/`));
      seen.add(await answer.text(1000));
    }
    expect([requests, seen.size]).toEqual([5, 1]);
    expect([...seen][0]).toContain(`named.test:${server.port}`);
    await server.stop(true);
  });
});

describe("M09 R01 R02 client abort, each phase", () => {
  const phases: [name: string, answer: string | null][] = [
    ["while the upstream is silent", null],
    ["after the headers", chunked],
    ["in the middle of the body", `${chunked}2\r\nok\r\n`],
  ];
  test.each(phases)("%s: the upstream's socket closes within 50 ms", async (_name, bytes) => {
    await using upstream = await rawServer((socket) => void (bytes && socket.write(bytes)));
    const client = new AbortController();
    const run = async (): Promise<void> => {
      const answer = await egress.send(toUpstream(upstream.url, { signal: client.signal }));
      while (await answer.read());
    };
    const failed = failureOf(run());
    await until(() => upstream.received.length === 1);
    await Bun.sleep(30);
    const start = performance.now();
    client.abort();
    const failure = await failed;
    expect(failure.code).toBe("client_closed");
    await until(() => upstream.closed() === 1);
    expect(upstream.closed()).toBe(1);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  test("a client that is gone already costs no connection", async () => {
    await using upstream = await rawServer(send(ok));
    const failure = await failureOf(
      egress.send(toUpstream(upstream.url, { signal: AbortSignal.abort() })),
    );
    expect(failure.code).toBe("client_closed");
    await Bun.sleep(20);
    expect(upstream.received).toEqual([]);
  });

  test("cancel() and a cancelled body stream close the upstream", async () => {
    for (const leave of [
      (answer: EgressResponse) => answer.cancel("done"),
      (answer: EgressResponse) => void answer.body?.cancel(),
    ]) {
      await using upstream = await rawServer(
        (socket) => void socket.write(`${chunked}2\r\nok\r\n`),
      );
      const answer = await egress.send(toUpstream(upstream.url));
      leave(answer);
      leave(answer);
      await until(() => upstream.closed() === 1);
      expect(upstream.closed()).toBe(1);
      expect((await failureOf(answer.read())).code).toBe("client_closed");
    }
  });

  test("R03 a client that leaves after the last byte changes nothing", async () => {
    await using upstream = await rawServer(send(ok));
    const client = new AbortController();
    const answer = await egress.send(toUpstream(upstream.url, { signal: client.signal }));
    expect(await answer.text(10)).toBe("ok");
    client.abort();
    expect(await answer.read()).toBeNull();
  });
});

describe("deadlines", () => {
  const cut = async (
    answer: string | null,
    timeouts: Partial<EgressRequest["timeouts"]>,
  ): Promise<{ message: string; code: string; ms: number; closed: boolean }> => {
    await using upstream = await rawServer((socket) => void (answer && socket.write(answer)));
    const start = performance.now();
    const run = async (): Promise<void> => {
      const response = await egress.send(
        toUpstream(upstream.url, { timeouts: { ...noLimits, ...timeouts } }),
      );
      while (await response.read());
    };
    const failure = await failureOf(run());
    const ms = performance.now() - start;
    await until(() => upstream.closed() === 1);
    return { message: failure.message, code: failure.code, ms, closed: upstream.closed() === 1 };
  };

  test.each([
    ["first_byte", null, { firstByteMs: 80 }],
    ["first_byte", "HTTP/1.1 200 OK\r\n", { firstByteMs: 80 }],
    ["idle", `${chunked}2\r\nok\r\n`, { idleMs: 80 }],
    ["total", null, { totalMs: 80, firstByteMs: 5_000 }],
    ["total", `${chunked}2\r\nok\r\n`, { totalMs: 80, idleMs: 5_000 }],
  ] as const)("R20 %s is named and closes the upstream", async (reason, answer, timeouts) => {
    const result = await cut(answer, timeouts);
    expect(result.code).toBe("upstream_timeout");
    expect(result.message).toContain(`(${reason})`);
    expect(result.message).toContain("80 ms");
    expect(result.ms).toBeGreaterThan(60);
    expect(result.ms).toBeLessThan(4_000);
    expect(result.closed).toBe(true);
  });

  test("R09 the idle deadline counts only silence: a slow steady answer and a slow reader both live", async () => {
    await using upstream = await rawServer(async (socket) => {
      socket.write(chunked);
      for (let index = 0; index < 8; index += 1) {
        await Bun.sleep(40);
        socket.write("2\r\nok\r\n");
      }
      socket.end("0\r\n\r\n");
    });
    const timeouts = { ...noLimits, idleMs: 100 };
    const steady = await egress.send(toUpstream(upstream.url, { timeouts }));
    expect((await steady.text(100)).length).toBe(16);
    const paused = await egress.send(toUpstream(upstream.url, { timeouts }));
    await paused.read();
    await Bun.sleep(250);
    let rest = 0;
    for (let piece = await paused.read(); piece; piece = await paused.read()) rest += piece.length;
    expect(rest).toBe(14);
  });

  test("R20 an upstream that takes no connection is given up after connectMs, by the probe", async () => {
    const probes: unknown[] = [];
    const dark = createEgress({
      env: {},
      probe: async (endpoint, ms) => {
        probes.push([endpoint, ms]);
        await Bun.sleep(ms);
        return false;
      },
      fetch: (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
    });
    const start = performance.now();
    const failure = await failureOf(
      dark.send(
        toUpstream("http://10.9.8.7:8000/", {
          timeouts: { ...noLimits, connectMs: 100, firstByteMs: 5_000 },
        }),
      ),
    );
    expect(failure.code).toBe("upstream_timeout");
    expect(failure.message).toContain("(connect)");
    expect(performance.now() - start).toBeLessThan(4_000);
    expect(probes).toEqual([[{ host: "10.9.8.7", port: 8000 }, 50]]);
  });

  test("R20 an upstream that connects and thinks is left alone beyond connectMs", async () => {
    await using upstream = await rawServer((socket) => setTimeout(() => socket.end(ok), 300));
    const answer = await egress.send(
      toUpstream(upstream.url, { timeouts: { ...noLimits, connectMs: 60, firstByteMs: 5_000 } }),
    );
    expect(await answer.text(10)).toBe("ok");
  });

  test("no timers are left behind", async () => {
    await using upstream = await rawServer(send(ok));
    for (let round = 0; round < 20; round += 1) {
      const answer = await egress.send(
        toUpstream(upstream.url, {
          timeouts: { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000, totalMs: 60_000 },
        }),
      );
      await answer.text(10);
    }
    // A process that still had those timers would not end by itself: see the subprocess below.
    const script = `
      import { createEgress } from "${new URL("../../../src/egress.ts", import.meta.url).pathname}";
      const answer = await createEgress({ env: {} }).send({
        url: new URL(process.argv[1]), method: "GET", headers: new Headers(), signal: new AbortController().signal,
        timeouts: { connectMs: 60000, firstByteMs: 60000, idleMs: 60000, totalMs: 60000 }, network: "private-allowed" });
      console.log(await answer.text(10));`;
    const child = Bun.spawn([process.execPath, "-e", script, upstream.url.href], {
      stdout: "pipe",
      timeout: 10_000,
    });
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stdout).text()).toBe("ok\n");
  });
});

describe("M16 R12 R16 broken answers", () => {
  const long = (count: number): string =>
    Array.from({ length: count }, (_value, index) => `x-${index}: a\r\n`).join("");
  const cases: [name: string, bytes: string, code: string, words: string][] = [
    ["nothing at all", "", "upstream_unavailable", "closed before it answered"],
    [
      "not HTTP",
      "hello there, this is no answer at all\r\n\r\n",
      "upstream_invalid",
      "not valid HTTP",
    ],
    ["HTTP/2 in clear text", "HTTP/2 200 OK\r\n\r\n", "upstream_invalid", "not valid HTTP"],
    ["only 100", "HTTP/1.1 100 Continue\r\n\r\n", "upstream_unavailable", "closed"],
    [
      "an upgrade nobody asked for",
      "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
      "upstream_invalid",
      "not valid HTTP",
    ],
    ["status 999", "HTTP/1.1 999 X\r\ncontent-length: 2\r\n\r\nok", "upstream_invalid", "999"],
    ["status 600", "HTTP/1.1 600 X\r\ncontent-length: 2\r\n\r\nok", "upstream_invalid", "600"],
    ["status 099", "HTTP/1.1 099 X\r\ncontent-length: 2\r\n\r\nok", "upstream_invalid", "99"],
    [
      "two lengths",
      "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
      "upstream_invalid",
      "content-length",
    ],
    [
      "negative length",
      "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
      "upstream_invalid",
      "content-length",
    ],
    [
      "length in words",
      "HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",
      "upstream_invalid",
      "content-length",
    ],
    [
      "length and chunked",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      "upstream_invalid",
      "both",
    ],
    [
      "unknown transfer coding",
      "HTTP/1.1 200 OK\r\ntransfer-encoding: rot13\r\n\r\nok",
      "upstream_invalid",
      "transfer-encoding",
    ],
    [
      "NUL in a header",
      "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\nok",
      "upstream_invalid",
      "not valid HTTP",
    ],
    [
      "folded header",
      "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
      "upstream_invalid",
      "not valid HTTP",
    ],
    [
      "64 KB header",
      `HTTP/1.1 200 OK\r\nx: ${"a".repeat(65_536)}\r\ncontent-length: 2\r\n\r\nok`,
      "upstream_invalid",
      "headers",
    ],
    [
      "1 MB header",
      `HTTP/1.1 200 OK\r\nx: ${"a".repeat(1 << 20)}\r\ncontent-length: 2\r\n\r\nok`,
      "upstream_invalid",
      "headers",
    ],
    [
      "1,000 headers",
      `HTTP/1.1 200 OK\r\n${long(1_000)}content-length: 2\r\n\r\nok`,
      "upstream_invalid",
      "not valid HTTP",
    ],
    [
      "short body",
      "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok",
      "upstream_unavailable",
      "in the middle",
    ],
    ["bad chunk", `${chunked}zz\r\nok\r\n0\r\n\r\n`, "upstream_invalid", "not valid HTTP"],
    ["cut chunk", `${chunked}8\r\nok`, "upstream_unavailable", "in the middle"],
    ["no last chunk", `${chunked}2\r\nok\r\n`, "upstream_unavailable", "in the middle"],
    [
      "unknown coding",
      "HTTP/1.1 200 OK\r\ncontent-encoding: lzma\r\ncontent-length: 2\r\n\r\nok",
      "upstream_invalid",
      "`lzma`",
    ],
    [
      "three codings",
      "HTTP/1.1 200 OK\r\ncontent-encoding: gzip, br, gzip\r\ncontent-length: 2\r\n\r\nok",
      "upstream_invalid",
      "encodings",
    ],
    [
      "gzip that is plain",
      "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok",
      "upstream_invalid",
      "not valid gzip",
    ],
  ];
  test.each(cases)("%s", async (_name, bytes, code, words) => {
    await using upstream = await rawServer(send(bytes));
    const run = async (): Promise<string> =>
      (await egress.send(toUpstream(upstream.url))).text(1_000);
    const failure = await failureOf(run());
    expect([failure.code, failure.message]).toEqual([
      code as "internal",
      expect.stringContaining(words),
    ]);
    expect(failure.message).toContain(upstream.url.host);
    await until(() => upstream.closed() === upstream.received.length);
    expect(upstream.received.length).toBe(1);
  });

  test.each([
    ["reset at once", "", "upstream_unavailable"],
    ["reset in the body", `${chunked}2\r\nok\r\n`, "upstream_unavailable"],
  ])("%s", async (_name, bytes, code) => {
    await using upstream = await rawServer((socket) => {
      if (bytes !== "") socket.write(bytes);
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    const run = async (): Promise<string> =>
      (await egress.send(toUpstream(upstream.url))).text(1_000);
    expect((await failureOf(run())).code).toBe(code as "internal");
  });

  test.each([
    ["100 and then the answer", `HTTP/1.1 100 Continue\r\n\r\n${ok}`],
    ["103 and then the answer", `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${ok}`],
    ["line feeds alone", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok"],
    ["HTTP/1.0, ended by closing", "HTTP/1.0 200 OK\r\n\r\nok"],
    ["200 headers", `HTTP/1.1 200 OK\r\n${long(200)}content-length: 2\r\n\r\nok`],
    ["bytes beyond the length", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokXXXX"],
  ])("passes: %s", async (_name, bytes) => {
    await using upstream = await rawServer(send(bytes));
    expect(await (await egress.send(toUpstream(upstream.url))).text(10)).toBe("ok");
  });

  test("R20 a refused connection names the host that was configured", async () => {
    const upstream = await rawServer(send(ok));
    await upstream[Symbol.asyncDispose]();
    const failure = await failureOf(egress.send(toUpstream(upstream.url)));
    expect([failure.code, failure.message]).toEqual([
      "upstream_unavailable",
      `connection refused by \`${upstream.url.host}\``,
    ]);
  });

  test("M15 R20 a pooled connection that the upstream closed does not repeat a POST", async () => {
    let answered = 0;
    await using upstream = await rawServer((socket) => {
      answered += 1;
      socket.write(ok);
      // The second request on this connection is cut instead of answered.
      setTimeout(() => socket.once("data", () => socket.resetAndDestroy()), 5);
    });
    await (await egress.send(toUpstream(upstream.url))).text(10);
    await Bun.sleep(30);
    const second = egress.send(toUpstream(upstream.url, { body: "second" }));
    const failure = await failureOf(second);
    expect(failure.code).toBe("upstream_unavailable");
    const copies = upstream.received.join("").split("second").length - 1;
    expect([answered, copies]).toEqual([1, 1]);
  });
});

describe("R17 codings", () => {
  const text = JSON.stringify({ text: "żółw ".repeat(5_000) });
  const answerWith = (coding: string, body: Uint8Array): Buffer =>
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\ncontent-length: ${body.length}\r\nx-a: 1\r\n\r\n`,
      ),
      body,
    ]);
  test.each([
    ["gzip", gzipSync(text)],
    ["x-gzip", gzipSync(text)],
    ["GZIP", gzipSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
    ["deflate", deflateSync(text)],
    ["deflate", deflateRawSync(text)],
    ["gzip, br", brotliCompressSync(gzipSync(text))],
    ["identity", Buffer.from(text)],
  ])("%s is decoded once and its headers go", async (coding, body) => {
    await using upstream = await rawServer(send(answerWith(coding, body)));
    const answer = await egress.send(toUpstream(upstream.url));
    expect(upstream.received[0]?.toLowerCase()).toContain("accept-encoding: identity\r\n");
    if (coding !== "identity") {
      expect(answer.headers.get("content-encoding")).toBeNull();
      expect(answer.headers.get("content-length")).toBeNull();
    }
    expect(answer.headers.get("x-a")).toBe("1");
    expect(await answer.text(1e6)).toBe(text);
  });

  test("decompress: false relays the bytes and the header", async () => {
    const body = gzipSync(text);
    await using upstream = await rawServer(send(answerWith("gzip", body)));
    const answer = await egress.send(toUpstream(upstream.url, { decompress: false }));
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(Buffer.compare(await answer.bytes(1e6), body)).toBe(0);
  });

  test.each([
    ["gzip", gzipSync(text)],
    ["br", brotliCompressSync(text)],
    ["zstd", zstdCompressSync(text)],
  ])("%s cut short or damaged is upstream_invalid", async (coding, body) => {
    for (const bad of [
      body.subarray(0, body.length - 4),
      body.subarray(0, 10),
      Buffer.from("plain"),
    ]) {
      await using upstream = await rawServer(send(answerWith(coding, bad)));
      const run = async (): Promise<string> =>
        (await egress.send(toUpstream(upstream.url))).text(1e6);
      expect((await failureOf(run())).code).toBe("upstream_invalid");
    }
  });

  test("S40 a bomb stops at the cap", async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    await using upstream = await rawServer(send(answerWith("gzip", bomb)));
    const capped = createEgress({ env: {}, maxDecodedBytes: 1 << 20 });
    const answer = await capped.send(toUpstream(upstream.url));
    const run = async (): Promise<void> => {
      while (await answer.read());
    };
    const failure = await failureOf(run());
    expect([failure.code, failure.message]).toEqual([
      "upstream_invalid",
      expect.stringContaining("larger than 1048576 bytes"),
    ]);
  });

  test("deadlines and aborts reach through a decoder", async () => {
    const body = gzipSync(text);
    const head = answerWith("gzip", body).subarray(0, -40);
    await using upstream = await rawServer((socket) => void socket.write(head));
    const idle = await egress.send(
      toUpstream(upstream.url, { timeouts: { ...noLimits, idleMs: 60 } }),
    );
    const failure = await failureOf(idle.text(1e6));
    expect([failure.code, failure.message]).toEqual([
      "upstream_timeout",
      expect.stringContaining("(idle)"),
    ]);
  });
});

describe("R05 M17 back-pressure", () => {
  test("512 MB from an upstream and a client that pauses: at most 16 MB of memory", async () => {
    const piece = new Uint8Array(64 * 1024).fill(120);
    let produced = 0;
    using upstream = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              produced += piece.length;
              if (produced > 512 << 20) controller.close();
              else controller.enqueue(piece);
            },
          }),
        ),
    });
    const answer = await egress.send(toUpstream(`http://127.0.0.1:${upstream.port}/`));
    await answer.read();
    Bun.gc(true);
    const before = process.memoryUsage().rss;
    await Bun.sleep(1_000);
    const grown = process.memoryUsage().rss - before;
    expect(grown).toBeLessThan(16 << 20);
    expect(produced).toBeLessThan(64 << 20);
    answer.cancel();
  });
});

describe("M10 R22 many streams at once", () => {
  test("600 streaming requests all start when the process was given the room", async () => {
    const module = new URL("../../../src/egress.ts", import.meta.url).pathname;
    const script = `
      import { createEgress } from ${JSON.stringify(module)};
      const egress = createEgress({ env: {} });
      let started = 0;
      const upstream = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch() {
        started += 1;
        return new Response(new ReadableStream({ start(controller) { controller.enqueue(new Uint8Array([120])); } }));
      } });
      const open = await Promise.all(Array.from({ length: 600 }, async () => {
        const answer = await egress.send({
          url: new URL("http://127.0.0.1:" + upstream.port + "/"), method: "POST", headers: new Headers(), body: "x",
          signal: new AbortController().signal, network: "private-allowed",
          timeouts: { connectMs: 0, firstByteMs: 20000, idleMs: 20000, totalMs: 20000 } });
        await answer.read();
        return answer;
      }));
      console.log(started, open.length);
      for (const answer of open) answer.cancel();
      process.exit(0);`;
    const child = Bun.spawn([process.execPath, "-e", script], {
      env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "2000" },
      stdout: "pipe",
      stderr: "inherit",
      timeout: 25_000,
    });
    expect(await new Response(child.stdout).text()).toBe("600 600\n");
    expect(await child.exited).toBe(0);
  }, 30_000);
});

test("none of this left a failed background promise", () => {
  expect(backgroundFailures()).toBe(failuresBefore);
});
