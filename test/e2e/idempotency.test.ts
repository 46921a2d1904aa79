// R30 `Idempotency-Key` through the binary: one upstream call whatever happens in between, `kill -9` included.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openAiCaller } from "../support/callers.ts";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import {
  chunk,
  hang,
  lastChunk,
  type ScriptedUpstream,
  startScripted,
  streamHead,
} from "../support/scripted-upstream.ts";
import { openAiAnswers, streamOf } from "../support/wire-answers.ts";

let upstream: ScriptedUpstream;
let daemon: Daemon;

const config = (): string => `
providers:
  up:
    type: openai-compatible
    base_url: ${upstream.url}
    api_key: operator-key
discover: { local: false, models: false }
`;

beforeAll(async () => {
  upstream = await startScripted();
  daemon = await startDaemon({ config: config() });
});
afterAll(async () => {
  await daemon.dispose();
  await upstream[Symbol.asyncDispose]();
});

interface Init {
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

const ask = (key: string, stream: boolean, init: Init = {}): Promise<Response> =>
  fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(openAiCaller.body("up/m-1", stream ? { stream } : {})),
    ...init,
    headers: { "content-type": "application/json", "idempotency-key": key, ...init.headers },
  });

const replayed = (answer: Response): boolean =>
  answer.headers.get("idempotent-replayed") === "true";

const { plain, frames } = openAiAnswers;

test("R30 an Idempotency-Key survives kill -9: what was answered is given again, what was cut off is 409", async () => {
  upstream.answer(plain, streamOf(...frames));
  const whole = await (await ask("a", false)).text();
  const streamed = await (await ask("b", true)).text();
  upstream.answer([hang]);
  const cut = ask("c", false).catch((error: unknown) => error);
  while (upstream.requests.length === 0) await Bun.sleep(2);
  await daemon.stop("SIGKILL");
  expect(await cut).toBeInstanceOf(Error);
  daemon = await startDaemon({ config: config(), folder: daemon.folder });
  upstream.answer(plain);
  const again = [await ask("a", false), await ask("b", true)];
  expect(again.map(replayed)).toEqual([true, true]);
  expect(await Promise.all(again.map((answer) => answer.text()))).toEqual([whole, streamed]);
  const unknown = await ask("c", false);
  expect(unknown.status).toBe(409);
  expect(openAiCaller.errorOf(await unknown.text()).message).toContain("may have been paid for");
  expect(upstream.requests.length).toBe(0);
  const resent = await ask("c", false, { headers: { "x-megallm-idempotency": "resend" } });
  expect([resent.status, upstream.requests.length]).toEqual([200, 1]);
}, 60_000);

test("R30 twenty connections with one key are one upstream call", async () => {
  const [opening = "", hello = "", ...rest] = frames;
  upstream.answer([streamHead(), chunk(opening), chunk(hello), 100, ...rest.map(chunk), lastChunk]);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask("d", true)));
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  expect([new Set(texts).size, upstream.requests.length]).toEqual([1, 1]);
  expect(answers.filter(replayed).length).toBe(19);
});

test("R30 a client that is cut off midway comes back for the whole answer", async () => {
  const [opening = "", hello = "", ...rest] = frames;
  upstream.answer([streamHead(), chunk(opening), chunk(hello), 150, ...rest.map(chunk), lastChunk]);
  const leave = new AbortController();
  const first = await ask("e", true, { signal: leave.signal });
  await first.body?.getReader().read();
  leave.abort();
  const back = await openAiCaller.read(await ask("e", true));
  expect([back.text, back.complete, upstream.requests.length]).toEqual(["Hello there", true, 1]);
});
