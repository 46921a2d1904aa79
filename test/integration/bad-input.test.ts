// What clients get wrong: a clear 4xx in their own dialect with a request id and a row; never a 5xx, never a hang.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { brotliCompressSync, createGzip, deflateRawSync } from "node:zlib";
import type { ErrorCode } from "../../src/ir/error.ts";
import { type Caller, callers, openAiCaller } from "../support/callers.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { type ScriptedUpstream, startScripted } from "../support/scripted-upstream.ts";
import { anthropicAnswers, openAiAnswers } from "../support/wire-answers.ts";

const maxBody = 64 * 1024;
let openAi: ScriptedUpstream;
let anthropic: ScriptedUpstream;
let running: InProcess;
let origin: string;

beforeAll(async () => {
  openAi = await startScripted(openAiAnswers.plain);
  anthropic = await startScripted(anthropicAnswers.plain);
  running = await startInProcess({
    server: { max_body: maxBody },
    providers: {
      oai: { type: "openai-compatible", base_url: `${openAi.url}/v1`, api_key: "operator-key-o" },
      ant: { type: "anthropic-compatible", base_url: anthropic.url, api_key: "operator-key-a" },
      twin: {
        type: "openai-compatible",
        base_url: openAi.url,
        api_key: "k",
        models: ["both", "mine"],
      },
      other: { type: "openai-compatible", base_url: openAi.url, api_key: "k", models: ["both"] },
    },
    models: { "fast-chat": "oai/m-1" },
  });
  origin = (await running.listen()).urls[0] ?? "";
});

afterAll(async () => {
  await running.close();
  await openAi[Symbol.asyncDispose]();
  await anthropic[Symbol.asyncDispose]();
});

type Bytes = string | Uint8Array<ArrayBuffer>;

function send(
  caller: Caller,
  body: Bytes | ReadableStream<Uint8Array> | undefined,
  headers: Record<string, string> = {},
  path: string = caller.paths[0],
): Promise<Response> {
  return fetch(origin + path, {
    method: "POST",
    headers: { ...caller.headers, ...headers },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(5_000),
  });
}

const upstreamCalls = (): number => openAi.requests.length + anthropic.requests.length;

interface Refusal {
  status: number;
  code: ErrorCode;
  /** Found in the message. */
  says?: string | RegExp;
}

/** The answer is a native error with a request id, nothing went upstream, and the row says the same. */
async function expectRefused(
  caller: Caller,
  answer: Response,
  expected: Refusal,
  callsBefore = upstreamCalls(),
): Promise<void> {
  const body = await answer.text();
  expect([answer.status, body.slice(0, 300)]).toEqual([expected.status, body.slice(0, 300)]);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.headers.get("x-request-id")).toMatch(/^req_\w{20,}$/);
  const { message } = caller.errorOf(body);
  if (expected.says !== undefined) expect(message).toMatch(expected.says);
  const { usage } = await running.recorded(answer);
  expect(usage.errorCode).toBe(expected.code);
  expect(usage.httpStatus).toBe(expected.status);
  expect(usage.status).toBe("error");
  expect(usage.inboundDialect).toBe(caller.dialect);
  expect(upstreamCalls()).toBe(callsBefore);
}

const invalid = (says?: string | RegExp): Refusal => ({
  status: 400,
  code: "invalid_request",
  ...(says === undefined ? {} : { says }),
});

describe.each(callers.map((caller) => ({ name: caller.name, caller })))(
  "$name client",
  ({ caller }) => {
    const own = caller.dialect === "openai-chat" ? "oai/m-1" : "ant/m-1";
    const foreign = caller.dialect === "openai-chat" ? "ant/m-1" : "oai/m-1";
    const upstream = (model: string): ScriptedUpstream =>
      model.startsWith("oai") ? openAi : anthropic;
    const sound = (model: string, more?: Record<string, unknown>): string =>
      JSON.stringify(caller.body(model, more));
    /** A sound body with text put in after its opening brace. */
    const withText = (text: string, model = own): string => `{${text},${sound(model).slice(1)}`;
    const without = (field: string): string =>
      JSON.stringify({ ...caller.body(own), [field]: undefined });

    test("the sound body is accepted, on both sides", async () => {
      for (const model of [own, foreign]) {
        const answer = await send(caller, sound(model));
        expect([answer.status, caller.textOf(await answer.text())]).toEqual([200, "Hello there"]);
      }
    });

    describe("on every path", () => {
      test.each(
        caller.paths.flatMap(
          (path) =>
            [
              [path, "not json at all", "must be a JSON object"],
              [path, "", "must be a JSON object"],
              [path, "null", "must be a JSON object"],
              [path, "[]", "must be a JSON object"],
              [path, '[{"model":"x"}]', "must be a JSON object"],
              [path, '"x"', "must be a JSON object"],
              [path, "17", "must be a JSON object"],
              [path, " \r\n\t ", "must be a JSON object"],
              [path, "{}", "`model` is missing"],
              [path, "{} {}", "after the end"],
              [path, '{"model":"x"}garbage', "after the end"],
              [path, "{model:1}", "quoted key"],
              [path, "{'model':'x'}", "quoted key"],
              [path, '{"model" "x"}', "expected `:`"],
              [path, '{"model":"x",}', "quoted key"],
              [path, '{"model":"x";"a":1}', "expected `,`"],
              [path, '{"model":"x","a":[1,2}', "do not match"],
              [path, '{"model":"x","a":{"b":]}', "do not match"],
              [path, '{"model":"x","a":undefined}', "expected a value"],
              [path, '{"model":"x","a":0x10}', "expected a value"],
              [path, '{"model":"x","a":01}', "expected a value"],
              [path, '{"model":"x","a":+1}', "expected a value"],
              [path, '{"model":"x","a":.5}', "expected a value"],
              [path, '{"model":"x","a":TRUE}', "expected a value"],
              [path, '{"model":"bad \\x escape"}', "bad escape"],
              [path, '{"model":"a\nb"}', "control character"],
              [path, '{"model":"a\u0000b"}', "control character"],
            ] as const,
        ),
      )("%s %j", async (path, body, says) => {
        await expectRefused(caller, await send(caller, body, {}, path), invalid(says));
      });
    });

    test("malformed: cut after every byte", async () => {
      const body = sound(own, { stream: true, metadata: { note: 'a "quoted" \\ text é' } });
      const bytes = Buffer.from(body);
      for (let length = 0; length < bytes.length; length += 1) {
        await expectRefused(caller, await send(caller, bytes.subarray(0, length)), invalid());
      }
    });

    describe("routed fields of the wrong type", () => {
      test.each([
        "7",
        "-1",
        "true",
        "false",
        "[]",
        '["x"]',
        "{}",
        '{"id":"x"}',
        '""',
        '"  "',
        '"\\t"',
      ])("model: %s", async (value) => {
        const body = `{"model":${value},${without("model").slice(1)}`;
        await expectRefused(
          caller,
          await send(caller, body),
          invalid("`model` must be a non-empty string"),
        );
      });

      test.each([undefined, "null"])("model: %p is a missing one", async (value) => {
        const body = value ? `{"model":${value},${without("model").slice(1)}` : without("model");
        await expectRefused(caller, await send(caller, body), invalid("`model` is missing"));
      });

      test.each(["1", "0", '"true"', '"yes"', "[]", "[true]", "{}", '""'])(
        "stream: %s",
        async (value) => {
          await expectRefused(
            caller,
            await send(caller, withText(`"stream":${value}`)),
            invalid("`stream` must be true or false"),
          );
        },
      );

      test("stream: null is no stream", async () => {
        const answer = await send(caller, withText('"stream":null'));
        expect([answer.status, answer.headers.get("content-type")]).toEqual([
          200,
          "application/json",
        ]);
      });
    });

    describe("names of models", () => {
      const refused = (says: string | RegExp): Refusal => ({
        status: 404,
        code: "model_not_found",
        says,
      });

      test.each([
        ["fast-chatt", /Did you mean `fast-chat`/],
        ["twin/mime", /is not served here.*`twin\/mine`/],
        ["mime", /Did you mean.*`mine`/],
        ["nobody/knows-this-at-all", /is not served here/],
        ["both", /Several providers.*`twin\/both`, `other\/both`/],
        ["/m-1", /is not served here/],
        ["oai/", /is not served here/],
        ["oai", /is not served here/],
        ["__proto__", /is not served here/],
        ["constructor", /is not served here/],
        ["hasOwnProperty", /is not served here/],
        ["toString/x", /is not served here/],
        ["__proto__/x", /is not served here/],
        ["twin/__proto__", /is not served here/],
        ["../../admin/status", /is not served here/],
        ["a\r\nx-injected: 1", /is not served here/],
        ["\u0000", /is not served here/],
        ["\u202Eevil", /is not served here/],
        ["x".repeat(20_000), /^.{100,300}$/s],
        ["😀".repeat(500), /is not served here/],
        ["\\u d800".replace(" ", ""), /is not served here/],
      ])("%j", async (name, says) => {
        const answer = await send(caller, JSON.stringify(caller.body(name)));
        await expectRefused(caller, answer, refused(says));
      });

      test("a lone surrogate", async () => {
        const body = sound("x").replace('"x"', String.raw`"\ud800"`);
        await expectRefused(caller, await send(caller, body), refused("is not served here"));
      });

      test.each([
        "a\nb",
        "é",
        "😀",
        "x".repeat(2_000),
        "__proto__",
        "constructor",
        "a b",
        "a/b//c?d#e%2f",
      ])(
        "whatever name the provider may know reaches it, and headers stay sound: %j",
        async (name) => {
          for (const model of [`oai/${name}`, `ant/${name}`]) {
            const { requests } = upstream(model);
            const answer = await send(caller, sound(model));
            expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)]);
            expect(JSON.parse(requests.at(-1)?.body ?? "{}")).toMatchObject({ model: name });
            expect(answer.headers.get("x-megallm-model")).toMatch(/^[ -~]{1,200}$/);
            expect((await running.recorded(answer)).usage.model).toBe(name.slice(0, 512));
          }
        },
      );
    });

    describe("size", () => {
      const big = "x".repeat(maxBody);
      const tooLarge: Refusal = { status: 413, code: "too_large", says: "larger than 65536 bytes" };

      test("declared", async () => {
        await expectRefused(caller, await send(caller, sound(own, { user: big })), tooLarge);
      });

      test("chunked, without a length", async () => {
        const pieces = sound(own, { user: big }).match(/[^]{1,4096}/g) ?? [];
        const stream = new ReadableStream<Uint8Array>({
          async pull(controller) {
            const piece = pieces.shift();
            if (piece === undefined) controller.close();
            else controller.enqueue(Buffer.from(piece));
            await Bun.sleep(0);
          },
        });
        await expectRefused(caller, await send(caller, stream), tooLarge);
      });

      test("just below the limit passes", async () => {
        const room = maxBody - sound(own, { user: "" }).length;
        expect((await send(caller, sound(own, { user: big.slice(0, room) }))).status).toBe(200);
        await expectRefused(
          caller,
          await send(caller, sound(own, { user: big.slice(0, room + 1) })),
          tooLarge,
        );
      });
    });

    describe("S46 a top-level key that stands twice", () => {
      test.each([
        ['"model":"ant/dear"', "`model` stands twice"],
        [String.raw`"mod\u0065l":"ant/dear"`, "`model` stands twice"],
        ['"messages":[]', "`messages` stands twice"],
        ['"x":1,"x":1', "`x` stands twice"],
        ['"stream":false,"stream":true', "`stream` stands twice"],
        ['"__proto__":{},"__proto__":{}', "`__proto__` stands twice"],
      ])("%s", async (text, says) => {
        await expectRefused(caller, await send(caller, withText(text)), invalid(says));
      });
    });

    test("S45 `__proto__` and `constructor` at every depth pollute nothing", async () => {
      const poison = '"__proto__":{"x":1,"isAdmin":true},"constructor":{"prototype":{"x":1}}';
      for (const model of [own, foreign]) {
        const bodies = [
          withText(poison, model),
          sound(model).replace('"role"', `${poison},"role"`),
          withText(
            `"metadata":{${poison}},"tools":[{${poison}}],"response_format":{${poison}}`,
            model,
          ),
          withText(
            `"tool_choice":{${poison}},"thinking":{${poison}},"stream_options":{${poison}}`,
            model,
          ),
        ];
        for (const body of bodies) {
          const answer = await send(caller, body);
          expect([200, 400]).toContain(answer.status);
          await running.recorded(answer);
          expect(Reflect.get({}, "x")).toBeUndefined();
          expect(Reflect.get({}, "isAdmin")).toBeUndefined();
          if (model === own) expect(upstream(own).requests.at(-1)?.body).toContain(poison);
        }
      }
    });

    describe("bytes that are not text", () => {
      test.each([
        ["a lone continuation byte", Buffer.from([0x80])],
        ["a cut sequence", Buffer.from([0xe2, 0x82])],
        ["an overlong slash", Buffer.from([0xc0, 0xaf])],
        ["an encoded surrogate", Buffer.from([0xed, 0xa0, 0x80])],
        ["latin-1", Buffer.from("é", "latin1")],
      ])("%s", async (_name, bad) => {
        const [before = "", after = ""] = sound(own).split("hello");
        const body = Buffer.concat([Buffer.from(before), bad, Buffer.from(after)]);
        await expectRefused(caller, await send(caller, body), invalid("not valid UTF-8"));
      });

      test.each(["utf16le", "utf-16be"])("%s", async (encoding) => {
        const body = Buffer.from(`\uFEFF${sound(own)}`, "utf16le");
        await expectRefused(
          caller,
          await send(caller, encoding === "utf16le" ? body : body.swap16()),
          invalid("not valid UTF-8"),
        );
      });

      test.each([["relayed"], ["translated"]])("a byte order mark is left out, %s", async (way) => {
        const model = way === "relayed" ? own : foreign;
        const answer = await send(caller, `\uFEFF${sound(model)}`);
        expect([answer.status, caller.textOf(await answer.text())]).toEqual([200, "Hello there"]);
        expect(upstream(model).requests.at(-1)?.body).toStartWith("{");
      });
    });

    describe("S47 depth and numbers", () => {
      test.each([
        ["arrays", "[", "]"],
        ["objects", '{"a":', "}"],
      ])("200,000 nested %s", async (_name, open, close) => {
        const deep = (depth: number): string => `"x":${open.repeat(depth)}1${close.repeat(depth)}`;
        const roomy = await startInProcess({
          providers: { oai: { type: "openai-compatible", base_url: openAi.url, api_key: "k" } },
        });
        for (const text of [deep(200_000), `"x":${open.repeat(200_000)}`]) {
          const answer = await roomy.fetch(caller.paths[0], {
            method: "POST",
            headers: caller.headers,
            body: `{${text},"model":"oai/m"}`,
          });
          expect(answer.status).toBe(400);
          expect(caller.errorOf(await answer.text()).message).toMatch(/nesting deeper than 256/);
          expect((await roomy.recorded(answer)).usage.errorCode).toBe("invalid_request");
        }
        await roomy.close();
      });

      test.each(["NaN", "Infinity", "-Infinity", "1e", "--1", "1.", "1_000"])(
        "%s is no number",
        async (text) => {
          await expectRefused(
            caller,
            await send(caller, withText(`"x":${text}`)),
            invalid("expected a value"),
          );
          const nested = sound(foreign).replace('"role"', `"x":${text},"role"`);
          await expectRefused(caller, await send(caller, nested), invalid("not acceptable JSON"));
        },
      );

      test("every number reaches the same wire as it was written", async () => {
        const numbers =
          '"metadata":{"id":9007199254740993,"a":1.0,"b":1e400,"c":-0,"d":1E+2,"10":1,"9":2}';
        const answer = await send(caller, withText(numbers));
        expect(answer.status).toBe(200);
        expect(upstream(own).requests.at(-1)?.body).toContain(numbers);
      });

      test.each(["temperature", "top_p", "max_tokens"])(
        "%s: 1e400 never becomes null",
        async (field) => {
          const body = JSON.stringify({ ...caller.body(foreign), [field]: 424_242 });
          const calls = upstreamCalls();
          const answer = await send(caller, body.replace("424242", "1e400"));
          await expectRefused(caller, answer, invalid(field), calls);
        },
      );

      test("a control character in a text", async () => {
        const raw = sound(foreign).replace("hello", "hel\u0000lo");
        await expectRefused(caller, await send(caller, raw), invalid("not acceptable JSON"));
        const escaped = sound(foreign).replace("hello", String.raw`hel\u0000\u001b[2Jlo`);
        expect((await send(caller, escaped)).status).toBe(200);
        expect(upstream(foreign).requests.at(-1)?.body).toContain(String.raw`hel\u0000\u001b[2Jlo`);
      });
    });

    describe("compressed bodies", () => {
      const deflated = (text: Bytes): Bytes => Bun.deflateSync(text, { windowBits: 15 });
      const codings: [string, (text: Bytes) => Bytes][] = [
        ["gzip", (text) => Bun.gzipSync(text)],
        ["x-gzip", (text) => Bun.gzipSync(text)],
        ["GZIP", (text) => Bun.gzipSync(text)],
        ["br", (text) => new Uint8Array(brotliCompressSync(text))],
        ["zstd", (text) => new Uint8Array(Bun.zstdCompressSync(text))],
        ["deflate", deflated],
        ["deflate", (text) => new Uint8Array(deflateRawSync(text))],
        ["identity", (text) => text],
        ["gzip, br", (text) => new Uint8Array(brotliCompressSync(Bun.gzipSync(text)))],
      ];

      test.each(codings)("%s is read", async (coding, compress) => {
        for (const model of [own, foreign]) {
          const answer = await send(caller, compress(sound(model)), { "content-encoding": coding });
          expect([answer.status, caller.textOf(await answer.text())]).toEqual([200, "Hello there"]);
          const sent = upstream(model).requests.at(-1);
          expect(sent?.headers["content-encoding"]).toBeUndefined();
          expect(sent?.body).toStartWith("{");
        }
      });

      test.each(codings.filter(([coding]) => coding !== "identity"))(
        "%s: damaged",
        async (coding, compress) => {
          const bytes = Buffer.from(compress(sound(own, { user: "x".repeat(300) })));
          const cut = bytes.subarray(0, bytes.length - 8);
          for (const body of [cut, Buffer.from(sound(own)), Buffer.from("garbage")]) {
            await expectRefused(
              caller,
              await send(caller, body, { "content-encoding": coding }),
              invalid(),
            );
          }
        },
      );

      test.each(codings.filter(([coding]) => coding !== "identity"))(
        "S40 %s: grows beyond the limit",
        async (coding, compress) => {
          const body = compress(sound(own, { user: "x".repeat(2 * 1024 * 1024) }));
          await expectRefused(caller, await send(caller, body, { "content-encoding": coding }), {
            status: 413,
            code: "too_large",
          });
        },
      );

      test.each(["compress", "foo", "gzip, foo", "gzip, gzip, gzip", "__proto__", "constructor"])(
        "%s is not known",
        async (coding) => {
          await expectRefused(
            caller,
            await send(caller, sound(own), { "content-encoding": coding }),
            {
              status: 415,
              code: "unsupported_encoding",
            },
          );
        },
      );

      test("compressed nothing", async () => {
        await expectRefused(
          caller,
          await send(caller, Bun.gzipSync(""), { "content-encoding": "gzip" }),
          invalid("must be a JSON object"),
        );
      });
    });

    test("R24 no field of any wrong type costs more than a 400", async () => {
      const outcomes = new Map<number, number>();
      // A model that enforces schemas itself: the upstream's answer is text that fits none.
      const model = foreign.replace("ant/m-1", "ant/claude-sonnet-4-5");
      for (const body of mutants(richBody(caller, model))) {
        const answer = await running.fetch(caller.paths[0], {
          method: "POST",
          headers: caller.headers,
          body: JSON.stringify(body),
        });
        const text = await answer.text();
        if (answer.status !== 200) {
          if (answer.status !== 400)
            throw new Error(`${answer.status} ${text}: ${JSON.stringify(body)}`);
          caller.errorOf(text);
        }
        outcomes.set(answer.status, (outcomes.get(answer.status) ?? 0) + 1);
      }
      expect(outcomes.get(400) ?? 0).toBeGreaterThan(50);
      expect(outcomes.get(200) ?? 0).toBeGreaterThan(20);
    });

    describe("outside the pipeline", () => {
      const request = (method: string, path: string, headers = caller.headers): Promise<Response> =>
        fetch(origin + path, { method, headers, signal: AbortSignal.timeout(5_000) });

      test.each(
        caller.paths.flatMap((path) =>
          ["GET", "PUT", "DELETE", "PATCH"].map((method) => [method, path]),
        ),
      )("%s %s: 405", async (method, path) => {
        const answer = await request(method, path);
        expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
        expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
        expect(caller.errorOf(await answer.text()).message).toContain("takes POST");
      });

      test.each([
        "/v1/nothing",
        "/nothing",
        "/v1",
        "/v3/chat/completions",
        "/v1/chat/completions/x",
        "/v1/messages/x/y",
      ])("%s: 404", async (path) => {
        const belongsToOther = callers.some(
          (other) => other !== caller && other.paths.some((own_) => path.startsWith(`${own_}/`)),
        );
        const answer = await request("POST", path);
        expect(answer.status).toBe(404);
        expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
        const body = await answer.text();
        if (!belongsToOther) expect(caller.errorOf(body).message).toContain("is not served here");
      });

      test("GET /v1/responses: 426 without an upgrade", async () => {
        const answer = await request("GET", "/v1/responses");
        expect(answer.status).toBe(426);
        // The path belongs to OpenAI's wire, whoever asks.
        expect(await answer.json()).toMatchObject({
          error: { message: expect.stringContaining("use POST") },
        });
      });

      test("HEAD /api/hello, without a key, is answered at once and empty", async () => {
        const answer = await request("HEAD", "/api/hello", {});
        expect([answer.status, await answer.text()]).toEqual([200, ""]);
      });
    });

    describe("credentials", () => {
      let locked: InProcess;
      beforeAll(async () => {
        locked = await startInProcess({
          providers: {
            oai: { type: "openai-compatible", base_url: openAi.url, api_key: "operator-key-o" },
            ant: {
              type: "anthropic-compatible",
              base_url: anthropic.url,
              api_key: "operator-key-a",
            },
          },
          keys: { team: "a-key-of-the-team-0123456789" },
        });
      });
      afterAll(() => locked.close());
      const right = "a-key-of-the-team-0123456789";

      test.each([
        [{ authorization: `Bearer ${right}`, "x-api-key": "another" }, 400],
        [{ "x-api-key": right, "api-key": "another" }, 400],
        [{ authorization: `Basic ${right}` }, 401],
        [{ authorization: "Bearer" }, 401],
        [{ authorization: `Bearer ${right}x` }, 401],
        [{ "x-api-key": "" }, 401],
        [{}, 401],
      ] as [Record<string, string>, number][])(
        "%j: %d, and nothing in the ledger",
        async (headers, status) => {
          const calls = upstreamCalls();
          const answer = await locked.fetch(caller.paths[0], {
            method: "POST",
            headers: { "content-type": "application/json", ...headers },
            body: sound(own),
          });
          expect(answer.status).toBe(status);
          expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
          const body = await answer.text();
          caller.errorOf(body);
          expect(body).not.toContain(right);
          expect(await locked.store.count()).toBe(0);
          expect([upstreamCalls(), locked.gateway.inFlight]).toEqual([calls, 0]);
        },
      );

      test.each([
        { authorization: `Bearer ${right}` },
        { authorization: `bearer  ${right}`, "x-api-key": right },
        { "x-api-key": right },
        { "api-key": right },
        { "x-goog-api-key": right },
      ] as Record<string, string>[])(
        "%j passes, and the row of bad input names its key",
        async (headers) => {
          const answer = await locked.fetch(caller.paths[0], {
            method: "POST",
            headers,
            body: "{",
          });
          expect(answer.status).toBe(400);
          expect((await locked.recorded(answer)).usage.key).toBe("team");
          const request = await locked.store.request(answer.headers.get("x-request-id") ?? "");
          expect(request?.usage.route).toBeNull();
          // The ledger stays empty for the tests before this one.
        },
      );
    });
  },
);

test("S40 a bomb of 256 MiB costs no memory", async () => {
  const roomy = await startInProcess({
    server: { max_body: "1mb" },
    providers: { oai: { type: "openai-compatible", base_url: openAi.url, api_key: "k" } },
  });
  const gzip = createGzip({ level: 9 });
  const pieces: Buffer[] = [];
  gzip.on("data", (piece: Buffer) => pieces.push(piece));
  const piece = Buffer.alloc(1024 * 1024, " ");
  for (let index = 0; index < 256; index += 1) {
    if (!gzip.write(piece)) await new Promise((resolve) => gzip.once("drain", resolve));
  }
  await new Promise((resolve) => gzip.end(resolve));
  const bomb = Buffer.concat(pieces);
  expect(bomb.length).toBeLessThan(1024 * 1024);
  Bun.gc(true);
  const before = process.memoryUsage().rss;
  const answer = await roomy.fetch(openAiCaller.paths[0], {
    method: "POST",
    headers: { ...openAiCaller.headers, "content-encoding": "gzip" },
    body: bomb,
  });
  const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
  expect(answer.status).toBe(413);
  expect((await roomy.recorded(answer)).usage.errorCode).toBe("too_large");
  expect(grown).toBeLessThan(32);
  await roomy.close();
});

test("operations that do not stream take no notice of `stream`", async () => {
  openAi.answer([
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"object":"list","data":[],"usage":{"prompt_tokens":2,"total_tokens":2}}',
  ]);
  const answer = await running.fetch("/v1/embeddings", {
    method: "POST",
    headers: openAiCaller.headers,
    body: JSON.stringify({ model: "oai/m", input: "x", stream: true }),
  });
  openAi.answer(openAiAnswers.plain);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect((await running.recorded(answer)).usage).toMatchObject({
    inputTokens: 2,
    operation: "embeddings",
  });
});

test("after all that, nothing is in flight and nothing failed unseen", async () => {
  await running.idle();
  const status = await running.gateway.status();
  expect(status.inFlight).toBe(0);
  expect(running.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
});

/** A request that uses every field the wire knows. */
function richBody(caller: Caller, model: string): Record<string, unknown> {
  const schema = { type: "object", properties: { a: { type: "string" } } };
  return caller.dialect === "openai-chat"
    ? {
        model,
        messages: [
          { role: "system", content: "Be brief." },
          {
            role: "user",
            name: "u",
            content: [
              { type: "text", text: "a" },
              { type: "image_url", image_url: { url: "https://x.test/a.png", detail: "low" } },
            ],
          },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: "c1", content: "done" },
          { role: "assistant", content: "ok", refusal: null },
          { role: "user", content: "go on" },
        ],
        tools: [
          {
            type: "function",
            function: { name: "f", description: "d", parameters: schema, strict: true },
          },
        ],
        tool_choice: { type: "function", function: { name: "f" } },
        parallel_tool_calls: false,
        temperature: 0.5,
        top_p: 0.9,
        max_completion_tokens: 50,
        stop: ["a", "b"],
        n: 1,
        seed: 1,
        user: "u",
        metadata: { a: "b" },
        reasoning_effort: "low",
        response_format: { type: "json_schema", json_schema: { name: "n", schema, strict: true } },
        stream_options: { include_usage: true },
        logit_bias: { "1": 2 },
        presence_penalty: 0.1,
        frequency_penalty: 0.1,
      }
    : {
        model,
        max_tokens: 2_000,
        system: [
          { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "5m" } },
        ],
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AA==" } },
            ],
          },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "t", signature: "s" },
              { type: "tool_use", id: "c1", name: "f", input: { a: 1 } },
            ],
          },
          {
            role: "user",
            content: [
              {
                type: "tool_result",
                tool_use_id: "c1",
                content: [{ type: "text", text: "r" }],
                is_error: false,
              },
            ],
          },
          { role: "assistant", content: "ok" },
          {
            role: "user",
            content: [
              {
                type: "document",
                source: { type: "text", media_type: "text/plain", data: "x" },
                title: "t",
              },
            ],
          },
        ],
        tools: [{ name: "f", description: "d", input_schema: schema }],
        tool_choice: { type: "tool", name: "f", disable_parallel_tool_use: true },
        temperature: 0.5,
        top_p: 0.9,
        top_k: 5,
        stop_sequences: ["a"],
        metadata: { user_id: "u" },
        thinking: { type: "enabled", budget_tokens: 1_024 },
        service_tier: "auto",
        output_config: { effort: "low", format: { type: "json_schema", schema } },
      };
}

const oddValues: readonly unknown[] = [
  null,
  0,
  -1,
  1.5,
  1e300,
  "",
  "x",
  true,
  [],
  [[]],
  [null],
  {},
  { type: "x" },
];

/** The body with one value at a time replaced by each odd one, or taken out. */
function* mutants(body: Record<string, unknown>): Generator {
  for (const path of paths(body)) {
    if (path.length === 1 && path[0] === "model") continue;
    for (const odd of [...oddValues, undefined]) {
      const copy = structuredClone(body);
      let parent: Record<string, unknown> = copy;
      for (const step of path.slice(0, -1)) parent = parent[step] as Record<string, unknown>;
      parent[path.at(-1) ?? ""] = odd;
      yield copy;
    }
  }
}

function* paths(value: unknown, path: string[] = []): Generator<string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) yield* paths(item, [...path, key]);
}
