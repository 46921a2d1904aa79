// R30 `Idempotency-Key`: sent twice, answered once; what is given again, what is tried again, and what nobody is sure of.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { setClock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/log.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { callers, openAiCaller, postAs } from "../support/callers.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  chunk,
  hang,
  head,
  lastChunk,
  reset,
  type Script,
  type ScriptedUpstream,
  startScripted,
  streamHead,
  whole,
} from "../support/scripted-upstream.ts";
import { openAiAnswers, streamOf } from "../support/wire-answers.ts";
import { until } from "../support/until.ts";

const { plain, frames, error } = openAiAnswers;
const good = (stream: boolean): Script => (stream ? streamOf(...frames) : plain);

let upstream: ScriptedUpstream;
let running: InProcess;
let restore: (() => void) | undefined;

const config = (): Record<string, unknown> => ({
  providers: {
    up: {
      type: "openai-compatible",
      base_url: upstream.url,
      api_key: "operator-key",
      prices: { "*": { input: 1, output: 2 } },
    },
  },
  models: { main: { deployments: [{ model: "up/m-1" }] } },
});

beforeAll(async () => {
  upstream = await startScripted();
  running = await startInProcess(config());
});
afterEach(() => {
  restore?.();
  restore = undefined;
});
afterAll(async () => {
  await running.close();
  await upstream[Symbol.asyncDispose]();
});

let count = 0;
const freshKey = (): string => `key-${(count += 1)}`;

interface Ask {
  key: string;
  stream?: boolean;
  more?: Record<string, unknown>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  gateway?: InProcess;
  caller?: (typeof callers)[number];
  path?: string;
}

function ask(asked: Ask): Promise<Response> {
  const { key, stream = false, more, headers, signal, caller = openAiCaller } = asked;
  const body = caller.body("main", { ...(stream && { stream }), ...more });
  return (asked.gateway ?? running).fetch(
    asked.path ?? caller.paths[0],
    postAs(caller, body, {
      headers: { "idempotency-key": key, ...headers },
      ...(signal && { signal }),
    }),
  );
}

const replayed = (answer: Response): boolean =>
  answer.headers.get("idempotent-replayed") === "true";

/** The error's text, in the caller's own shape. */
const errorText = async (answer: Response, caller = openAiCaller): Promise<string> =>
  caller.errorOf(await answer.text()).message;

describe.each(callers)("$name", (caller) => {
  describe.each([false, true])("stream: %p", (stream) => {
    test("the second gets the first one's answer, which is paid for once", async () => {
      const key = freshKey();
      upstream.answer(good(stream));
      const first = await ask({ key, stream, caller });
      const bytes = await first.text();
      const second = await ask({ key, stream, caller });
      expect(await second.text()).toBe(bytes);
      expect([second.status, second.headers.get("content-type")]).toEqual([
        first.status,
        first.headers.get("content-type"),
      ]);
      expect([replayed(first), replayed(second)]).toEqual([false, true]);
      expect(second.headers.get("x-megallm-replay-of")).toBe(first.headers.get("x-request-id"));
      expect(second.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
      expect(Number(second.headers.get("x-megallm-cost-usd"))).toBe(0);
      expect(upstream.requests.length).toBe(1);
      const [one, two] = [await running.recorded(first), await running.recorded(second)];
      expect(one.usage).toMatchObject({ status: "ok", attempts: 1, outputTokens: 3 });
      expect(one.usage.costNanos).toBeGreaterThan(0n);
      expect(two).toMatchObject({ attempts: [] });
      expect(two.usage).toMatchObject({
        status: "ok",
        httpStatus: 200,
        attempts: 0,
        outputTokens: 0,
        costNanos: 0n,
        priceSource: "replay",
        route: "main",
        stream,
      });
    });

    test("six at once are one", async () => {
      const key = freshKey();
      upstream.answer([30, ...good(stream)]);
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => ask({ key, stream, caller })),
      );
      const texts = await Promise.all(answers.map((answer) => answer.text()));
      expect(new Set(texts).size).toBe(1);
      expect(answers.filter(replayed).length).toBe(5);
      expect(upstream.requests.length).toBe(1);
      const rows = await Promise.all(answers.map((answer) => running.recorded(answer)));
      expect(rows.filter(({ usage }) => usage.priceSource === "replay").length).toBe(5);
      expect(rows.every(({ usage }) => usage.status === "ok")).toBe(true);
    });

    test("a client that leaves finds the whole answer when it comes back", async () => {
      const key = freshKey();
      const [opening = "", ...rest] = frames;
      const slow: Script = stream
        ? [streamHead(), chunk(opening), 40, ...rest.map(chunk), lastChunk]
        : [40, ...plain];
      upstream.answer(slow);
      const leaving = new AbortController();
      const left = ask({ key, stream, caller, signal: leaving.signal });
      await until(() => upstream.requests.length === 1);
      leaving.abort();
      await left.then((answer) => answer.text()).catch(() => {});
      await running.idle();
      const back = await ask({ key, stream, caller });
      const text = stream ? (await caller.read(back)).text : caller.textOf(await back.text());
      expect([text, replayed(back), upstream.requests.length]).toEqual(["Hello there", true, 1]);
    });

    test("another body under the same key is refused, and nothing is sent", async () => {
      const key = freshKey();
      upstream.answer(good(stream));
      await (await ask({ key, stream, caller })).text();
      const other = await ask({ key, stream, caller, more: { temperature: 0.5 } });
      expect(other.status).toBe(422);
      expect(await errorText(other, caller)).toContain("another body");
      expect(upstream.requests.length).toBe(1);
      // Nor while the first is still running.
      const running2 = freshKey();
      upstream.answer([30, ...good(stream)]);
      const [one, two] = await Promise.all([
        ask({ key: running2, stream, caller }),
        ask({ key: running2, stream, caller, more: { temperature: 0.5 } }),
      ]);
      expect([one.status, two.status, upstream.requests.length]).toEqual([200, 422, 1]);
      await one.text();
    });
  });
});

test("a second stream gets the words as they come", async () => {
  const gateway = await startInProcess(config());
  const key = freshKey();
  const [opening = "", hello = "", ...rest] = frames;
  upstream.answer([streamHead(), chunk(opening), chunk(hello), hang]);
  const leaving = new AbortController();
  const [first, second] = await Promise.all([
    ask({ key, stream: true, gateway, signal: leaving.signal }),
    ask({ key, stream: true, gateway, signal: leaving.signal }),
  ]);
  const reader = second.body?.getReader();
  let seen = "";
  while (!seen.includes("Hello"))
    seen += Buffer.from((await reader?.read())?.value ?? []).toString();
  expect([replayed(first), replayed(second), rest.length > 0]).toEqual([false, true, true]);
  leaving.abort();
  await until(async () => {
    const { rows } = await gateway.store.requests({ limit: 5 });
    return rows.some(
      ({ requestId, status }) =>
        requestId === second.headers.get("x-request-id") && status === "client_closed",
    );
  });
  // The first goes on for whoever comes back, until its own deadline.
  expect(upstream.open()).toBe(1);
  gateway.gateway.abort();
  await gateway.idle();
  await until(() => upstream.open() === 0);
  await gateway.close();
});

test("a request with a key is not raced, however slow its first attempt is", async () => {
  const { up } = config()["providers"] as { up: Record<string, unknown> };
  const { api_key: _, ...entry } = up;
  const gateway = await startInProcess({
    providers: { up: { ...entry, keys: ["operator-key-1", "operator-key-2"] } },
    models: {
      main: {
        deployments: [
          { model: "up/m-1", key: "key-1" },
          { model: "up/m-1", key: "key-2" },
        ],
        hedge: { after: "60ms", max_extra_spend: 1 },
      },
    },
  });
  try {
    // What requests have cost is what races may cost a share of.
    upstream.answer(good(true));
    for (let turn = 0; turn < 20; turn += 1) {
      await (await ask({ key: "", stream: true, gateway })).text();
    }
    upstream.answer([300, ...good(true)]);
    const answer = await ask({ key: freshKey(), stream: true, gateway });
    expect((await openAiCaller.read(answer)).text).toBe("Hello there");
    expect(upstream.requests.length).toBe(1);
    await (await ask({ key: "", stream: true, gateway })).text();
    expect(upstream.requests.length).toBe(1 + 2);
  } finally {
    await gateway.close();
  }
});

describe("whose it is", () => {
  test("another operation's key is another key", async () => {
    const key = freshKey();
    upstream.answer(plain);
    await (await ask({ key })).text();
    await (await ask({ key, path: "/chat/completions" })).text();
    expect(upstream.requests.length).toBe(2);
  });

  test("another tenant's key is another key", async () => {
    const gateway = await startInProcess({
      ...config(),
      keys: { alice: "sk-alice-0123456789abcdef", bob: "sk-bob-0123456789abcdef" },
    });
    try {
      const key = freshKey();
      upstream.answer(plain);
      const as = (name: string): Promise<Response> =>
        ask({ key, gateway, headers: { authorization: `Bearer sk-${name}-0123456789abcdef` } });
      const answers = [await as("alice"), await as("bob"), await as("alice")];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      expect(answers.map(replayed)).toEqual([false, false, true]);
      expect(upstream.requests.length).toBe(2);
      const stranger = await as("mallory");
      expect(stranger.status).toBe(401);
    } finally {
      await gateway.close();
    }
  });

  test("no provider sees it: two callers may have chosen the same", async () => {
    upstream.answer(plain);
    await (await ask({ key: freshKey() })).text();
    expect(upstream.requests[0]?.headers["idempotency-key"]).toBeUndefined();
  });

  test("it is 1 to 255 printable characters; an empty one is none", async () => {
    upstream.answer(plain);
    const statuses: number[] = [];
    for (const key of ["k".repeat(255), "k".repeat(256), "caf\u00e9", '"8e03978e-40d5"', "a b"]) {
      const answer = await ask({ key });
      statuses.push(answer.status);
      if (answer.status === 400) expect(await errorText(answer)).toContain("`Idempotency-Key`");
      else await answer.text();
    }
    expect(statuses).toEqual([200, 400, 400, 200, 200]);
    expect(upstream.requests.length).toBe(3);
    await (await ask({ key: "" })).text();
    await (await ask({ key: "" })).text();
    expect(upstream.requests.length).toBe(5);
  });

  test("it is forgotten after a day", async () => {
    const key = freshKey();
    upstream.answer(plain);
    await (await ask({ key })).text();
    const began = Date.now();
    restore = setClock({ now: () => began + 23.9 * 3_600_000 });
    expect(replayed(await ask({ key }))).toBe(true);
    restore();
    restore = setClock({ now: () => began + 24.1 * 3_600_000 });
    expect(replayed(await ask({ key }))).toBe(false);
    expect(upstream.requests.length).toBe(2);
  });
});

describe("failures", () => {
  test.each([
    ["400, the caller's fault", [error(400, "invalid_request_error", "No.")], 400],
    ["401, our key", [error(401, "authentication_error", "No.")], 502],
    ["429", [error(429, "rate_limit_error", "Slow down.")], 429],
    ["500", [error(500, "api_error", "Oh no.")], 502],
  ] as const)("%s costs nothing: the same key is tried again", async (_name, script, status) => {
    const key = freshKey();
    upstream.answer(script, plain);
    const failed = await ask({ key });
    expect([failed.status, replayed(failed)]).toEqual([status, false]);
    const answer = await ask({ key });
    expect([answer.status, replayed(answer), upstream.requests.length]).toEqual([200, false, 2]);
    expect(replayed(await ask({ key }))).toBe(true);
  });

  test("what the gateway itself refuses is not kept", async () => {
    const key = freshKey();
    upstream.answer(plain);
    const unknown = await ask({ key, more: { model: "nobody/has-this" } });
    expect(unknown.status).toBe(404);
    expect((await ask({ key })).status).toBe(200);
  });

  test.each([
    ["a reset after it was sent", [reset], 502],
    ["a broken answer", [whole(200, "nonsense")], 502],
  ] as const)(
    "%s may have cost something: it is told again, not sent again",
    async (_name, script, status) => {
      const key = freshKey();
      upstream.answer(script, plain);
      const failed = await ask({ key });
      const again = await ask({ key });
      expect([failed.status, again.status, upstream.requests.length]).toEqual([status, status, 1]);
      expect(await errorText(again)).toBe(await errorText(failed));
      expect([replayed(failed), replayed(again)]).toEqual([false, true]);
      expect((await running.recorded(again)).usage).toMatchObject({
        status: "error",
        attempts: 0,
        costNanos: 0n,
      });
      const resent = await ask({ key, headers: { "x-megallm-idempotency": "resend" } });
      expect([resent.status, replayed(resent), upstream.requests.length]).toEqual([200, false, 2]);
      // An answer that is there is given again, whatever is asked for.
      const last = await ask({ key, headers: { "x-megallm-idempotency": "resend" } });
      expect([replayed(last), upstream.requests.length]).toEqual([true, 2]);
    },
  );

  test("a stream that broke off midway was paid for in part: it is told again as it was", async () => {
    const key = freshKey();
    const [opening = "", hello = ""] = frames;
    upstream.answer([streamHead(), chunk(opening), chunk(hello), 60, reset], good(true));
    const first = await (await ask({ key, stream: true })).text();
    const again = await ask({ key, stream: true });
    expect(await again.text()).toBe(first);
    expect([first.includes('"error"'), replayed(again), upstream.requests.length]).toEqual([
      true,
      true,
      1,
    ]);
  });

  test("those that wait for a request that fails are told the same", async () => {
    const key = freshKey();
    upstream.answer([30, error(500, "api_error", "Oh no.")], plain);
    const answers = await Promise.all([ask({ key }), ask({ key }), ask({ key })]);
    expect(answers.map(({ status }) => status)).toEqual([502, 502, 502]);
    expect(upstream.requests.length).toBe(1);
    expect((await ask({ key })).status).toBe(200);
  });

  test("a failure after the stream was opened is none to keep when it cost nothing", async () => {
    const gateway = await startInProcess(config(), {
      pacing: { openEarlyMs: 10, keepAliveMs: 10 },
    });
    try {
      const key = freshKey();
      upstream.answer([60, error(500, "api_error", "Oh no.")], good(true));
      const failed = await openAiCaller.read(await ask({ key, stream: true, gateway }));
      expect(failed.error).toContain("Oh no.");
      const answer = await ask({ key, stream: true, gateway });
      expect(replayed(answer)).toBe(false);
      expect((await openAiCaller.read(answer)).text).toBe("Hello there");
      expect(upstream.requests.length).toBe(2);
    } finally {
      await gateway.close();
    }
  });
});

describe("two gateways on one store, and restarts", () => {
  async function sharing<T>(work: (one: InProcess, two: InProcess, store: Store) => Promise<T>) {
    const log = createLogger({ level: "error", write: () => {} });
    const store = await openStore({ path: ":memory:", log });
    const [one, two] = await Promise.all([
      startInProcess(config(), { store }),
      startInProcess(config(), { store }),
    ]);
    try {
      return await work(one, two, store);
    } finally {
      await store.close();
    }
  }

  test("what was answered before a restart is given again", () =>
    sharing(async (one, two) => {
      const key = freshKey();
      upstream.answer(plain);
      const text = await (await ask({ key, gateway: one })).text();
      const again = await ask({ key, gateway: two });
      expect(await again.text()).toBe(text);
      expect([replayed(again), upstream.requests.length]).toEqual([true, 1]);
    }));

  test("what runs elsewhere, or was cut off there, is 409; it can be sent again on demand", () =>
    sharing(async (one, two) => {
      const key = freshKey();
      upstream.answer([hang], plain);
      const left = ask({ key, gateway: one });
      await until(() => upstream.requests.length === 1);
      const second = await ask({ key, gateway: two });
      expect(second.status).toBe(409);
      expect(await errorText(second)).toContain("x-megallm-idempotency: resend");
      expect((await two.recorded(second)).usage).toMatchObject({ status: "error", attempts: 0 });
      expect((await ask({ key, gateway: two, more: { n: 1 } })).status).toBe(422);
      expect(upstream.requests.length).toBe(1);
      const resent = await ask({
        key,
        gateway: two,
        headers: { "x-megallm-idempotency": "resend" },
      });
      expect([resent.status, upstream.requests.length]).toEqual([200, 2]);
      expect(replayed(await ask({ key, gateway: two }))).toBe(true);
      one.gateway.abort();
      expect((await left).status).toBe(503);
      // What was cut off leaves what the other one wrote.
      expect(replayed(await ask({ key, gateway: two }))).toBe(true);
    }));

  test("a gateway that stops while the provider is at work leaves it as begun", () =>
    sharing(async (one, two) => {
      for (const stream of [false, true]) {
        const key = freshKey();
        upstream.answer(stream ? [streamHead(), ...frames.slice(0, 2).map(chunk), hang] : [hang]);
        const cut = await (stream ? ask({ key, stream, gateway: one }) : null);
        const waiting = stream ? null : ask({ key, gateway: one });
        await until(() => upstream.requests.length === 1);
        if (stream) {
          one.gateway.abort();
          expect((await openAiCaller.read(cut ?? new Response())).error).toContain("shutting down");
        } else {
          // Only the last of the two aborts: a gateway stops once.
          void waiting?.catch(() => {});
        }
        expect((await ask({ key, stream, gateway: two })).status).toBe(409);
      }
    }));

  test("what another gateway lets go of between a look and the next is taken", async () => {
    const log = createLogger({ level: "error", write: () => {} });
    const store = await openStore({ path: ":memory:", log });
    let turn = 0;
    const items: Store["items"] = {
      ...store.items,
      claim: (kind, item) =>
        (turn += 1) === 1 ? Promise.resolve(false) : store.items.claim(kind, item),
    };
    const gateway = await startInProcess(config(), { store: { ...store, items } });
    try {
      const key = freshKey();
      upstream.answer(plain);
      expect(replayed(await ask({ key, gateway }))).toBe(false);
      expect(replayed(await ask({ key, gateway }))).toBe(true);
      expect(upstream.requests.length).toBe(1);
    } finally {
      await gateway.close();
    }
  });

  test("a store that cannot be written serves all the same; one that cannot be read does not", async () => {
    const log = createLogger({ level: "error", write: () => {} });
    const store = await openStore({ path: ":memory:", log });
    const fails = { claim: true, get: false };
    const items: Store["items"] = {
      ...store.items,
      claim: (kind, item) =>
        fails.claim ? Promise.reject(new Error("full")) : store.items.claim(kind, item),
      put: (kind, some) =>
        fails.claim ? Promise.reject(new Error("full")) : store.items.put(kind, some),
      get: (kind, keys) =>
        fails.get ? Promise.reject(new Error("gone")) : store.items.get(kind, keys),
    };
    const gateway = await startInProcess(config(), { store: { ...store, items } });
    try {
      upstream.answer([20, ...plain]);
      const key = freshKey();
      const answers = await Promise.all([ask({ key, gateway }), ask({ key, gateway })]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(upstream.requests.length).toBe(1);
      expect(gateway.lines.some((line) => line.includes("idempotency.not_kept"))).toBe(true);
      fails.get = true;
      const refused = await ask({ key: freshKey(), gateway });
      expect([refused.status, refused.headers.has("retry-after")]).toEqual([503, true]);
      expect(upstream.requests.length).toBe(1);
      fails.claim = false;
      fails.get = false;
      expect((await ask({ key: freshKey(), gateway })).status).toBe(200);
    } finally {
      await gateway.close();
    }
  });
});

describe("other than chats", () => {
  test("an answer of more than 4 MB is delivered, not kept", async () => {
    const key = freshKey();
    const content = "x".repeat(5_000_000);
    const large = String(plain[0]).replace("Hello there", content);
    const body = large.slice(large.indexOf("\r\n\r\n") + 4);
    upstream.answer([whole(200, body)]);
    const first = await ask({ key });
    expect(openAiCaller.textOf(await first.text()).length).toBe(content.length);
    const again = await ask({ key });
    expect(again.status).toBe(409);
    expect(await errorText(again)).toContain("4194304 bytes");
    expect(upstream.requests.length).toBe(1);
  });

  test("sound comes back byte for byte", async () => {
    const key = freshKey();
    const sound = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 37) % 256);
    upstream.answer([
      head(200, { "content-type": "audio/mpeg", "content-length": String(sound.length) }),
      sound,
    ]);
    const speak = async (): Promise<Response> =>
      running.fetch("/v1/audio/speech", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": key },
        body: JSON.stringify({ model: "main", input: "Hello", voice: "alloy" }),
      });
    const [one, two] = [await (await speak()).bytes(), await speak()];
    expect(one).toEqual(sound);
    expect([two.headers.get("content-type"), replayed(two)]).toEqual(["audio/mpeg", true]);
    expect(await two.bytes()).toEqual(sound);
    expect(upstream.requests.length).toBe(1);
  });

  test("a form is the same with another boundary, and another one with another file", async () => {
    const key = freshKey();
    upstream.answer([whole(200, '{"text":"hello"}')]);
    const hear = (sound: string): Promise<Response> => {
      const form = new FormData();
      form.set("model", "main");
      form.set("file", new File([sound], "a.mp3", { type: "audio/mpeg" }));
      return running.fetch("/v1/audio/transcriptions", {
        method: "POST",
        headers: { "idempotency-key": key },
        body: form,
      });
    };
    const answers = [await hear("la la la"), await hear("la la la"), await hear("la la")];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 422]);
    expect(answers.map(replayed)).toEqual([false, true, false]);
    expect(await answers[1]?.text()).toBe(await (answers[0]?.text() ?? ""));
    expect(upstream.requests.length).toBe(1);
  });

  test("what is passed through to a provider's own API is made once; reading is never kept", async () => {
    const key = freshKey();
    upstream.answer(
      [error(500, "api_error", "Oh no.")],
      [whole(200, '{"id":"batch_1","object":"batch"}')],
    );
    const send = (method: string): Promise<Response> =>
      running.fetch("/providers/up/batches", {
        method,
        headers: { "content-type": "application/json", "idempotency-key": key },
        ...(method === "POST" && { body: '{"input_file_id":"file-1"}' }),
      });
    const failed = await send("POST");
    expect([failed.status >= 500, replayed(failed), upstream.requests.length]).toEqual([
      true,
      false,
      1,
    ]);
    const made = [await send("POST"), await send("POST")];
    expect(made.map(replayed)).toEqual([false, true]);
    expect(await made[1]?.text()).toBe(await (made[0]?.text() ?? ""));
    expect(upstream.requests.length).toBe(2);
    expect(upstream.requests[0]?.headers["idempotency-key"]).toBeUndefined();
    const read = [await send("GET"), await send("GET")];
    expect(read.map(replayed)).toEqual([false, false]);
    expect(upstream.requests.length).toBe(4);
  });
});
