// S48: the same banned text by every door gets the same verdict, and nobody upstream sees it; S34: nor is it echoed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  banned,
  type Door,
  doors,
  everywhere,
  post,
  providersAt,
  startUpstream,
} from "../support/guarded.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

const upstream = startUpstream();
let gateway: InProcess;

beforeAll(async () => {
  gateway = await startInProcess({
    providers: providersAt(upstream.url),
    models: everywhere,
    guardrails: {
      fish: { type: "words", words: [banned], default_on: true },
      codes: { type: "regex", patterns: ["hushhush-\\d+"], default_on: true },
    },
  });
});
afterEach(() => void (upstream.asked.length = 0));
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

async function expectBlocked(path: string, init: RequestInit, text = banned): Promise<void> {
  const answer = await gateway.fetch(path, init);
  const body = await answer.text();
  expect({ status: answer.status, body, asked: upstream.asked }).toMatchObject({
    status: 400,
    asked: [],
  });
  expect(body).toContain("The request was blocked by a guardrail.");
  const told = body + JSON.stringify([...answer.headers]);
  for (const secret of [text, "hushhush", "\\d"]) expect(told).not.toContain(secret);
  const { usage, attempts } = await gateway.recorded(answer);
  expect(usage).toMatchObject({ errorCode: "guardrail_blocked", httpStatus: 400, costNanos: null });
  expect(attempts).toEqual([]);
  expect(usage.warnings[0]).toMatchObject({ target: "input" });
  expect(usage.warnings[0]?.reason).toMatch(
    /^guardrail `(?:fish|codes)`: blocked \((?:word|pattern)\)$/,
  );
  expect(JSON.stringify(usage)).not.toContain(text);
  expect(gateway.lines.join("\n")).not.toContain(text);
}

describe("S48 every route of every wire", () => {
  test("has bodies here, so that none escapes", () => {
    expect(doors.filter(({ bodies }) => bodies === undefined).map(({ name }) => name)).toEqual([]);
  });

  const cases = doors.flatMap((door) =>
    Object.keys(door.bodies?.("x") ?? {}).map((place): [string, string, Door] => [
      door.name,
      place,
      door,
    ]),
  );

  test.each(cases)("%s: %s", async (_name, place, { path, bodies }) => {
    const body = bodies?.(banned)[place] ?? {};
    await expectBlocked(path, post(body));
  });

  test.each(cases)("%s: %s, harmless", async (_name, place, { path, bodies }) => {
    const answer = await gateway.fetch(path, post(bodies?.("goldfish")[place] ?? {}));
    expect(await answer.text()).not.toContain("guardrail");
    expect(answer.headers.get("x-megallm-guardrails")).toBe("fish, codes");
  });
});

describe("S48 spelt otherwise", () => {
  const spellings = {
    case: "ZebraFISH",
    "zero width": "zebra\u200bfish",
    "look-alikes": "zеbrаfish",
    width: "ｚｅｂｒａｆｉｓｈ",
    accents: "zébrafïsh",
  };
  test.each(Object.entries(spellings))("%s", async (_name, text) => {
    const body = { model: "m", messages: [{ role: "user", content: `a ${text}!` }] };
    await expectBlocked("/v1/chat/completions", post(body), text);
    await expectBlocked("/v1/embeddings", post({ model: "m", input: text }), text);
  });
});

describe("S48 the doors that are no wire's own", () => {
  const through = { "x-megallm-provider": "openai" };
  const line = JSON.stringify({
    custom_id: "1",
    body: { messages: [{ role: "user", content: banned }] },
  });
  const upload = (content: string | Uint8Array, name = "a.jsonl") => {
    const data = new FormData();
    data.append("purpose", "batch");
    data.append("file", new File([content], name));
    return data;
  };

  test.each([
    [
      "pass-through of what is known",
      "/providers/openai/v1/chat/completions",
      post({ model: "gpt-4o", messages: [{ role: "user", content: banned }] }),
    ],
    [
      "pass-through of what is not",
      "/providers/openai/v1/some/thing",
      post({ deep: [{ er: banned }] }),
    ],
    [
      "pass-through, another method",
      "/providers/openai/v1/some/thing",
      { ...post({ a: banned }), method: "PUT" },
    ],
    [
      "pass-through of text",
      "/providers/openai/v1/some/thing",
      post(`a ${banned}`, { "content-type": "text/plain" }),
    ],
    [
      "pass-through of pairs",
      "/providers/openai/v1/some/thing",
      post(`a=zebra%66ish`, { "content-type": "application/x-www-form-urlencoded" }),
    ],
    [
      "pass-through of broken JSON",
      "/providers/openai/v1/some/thing",
      post(`{"a":"${banned}`, { "content-type": "text/plain" }),
    ],
    [
      "pass-through of UTF-16",
      "/providers/openai/v1/some/thing",
      {
        ...post("", { "content-type": "application/octet-stream" }),
        body: Buffer.from(`a ${banned}`, "utf16le"),
      },
    ],
    [
      "a file of lines",
      "/v1/files",
      post(upload(`${JSON.stringify({ a: 1 })}\n${line}\n`), through),
    ],
    ["a file's name", "/v1/files", post(upload("{}", `${banned} .jsonl`), through)],
    [
      "a field of a form",
      "/providers/openai/v1/some/form",
      post(
        (() => {
          const data = new FormData();
          data.append("note", banned);
          return data;
        })(),
      ),
    ],
    [
      "a batch's metadata",
      "/v1/batches",
      post({ endpoint: "/v1/chat/completions", metadata: { note: banned } }, through),
    ],
    [
      "Anthropic's batches",
      "/v1/messages/batches",
      post(
        { requests: [{ params: { messages: [{ content: banned }] } }] },
        { "x-megallm-provider": "anthropic" },
      ),
    ],
    [
      "OpenRouter's path",
      "/api/v1/chat/completions",
      post({ model: "m", messages: [{ role: "user", content: banned }] }),
    ],
    [
      "a fallback",
      "/v1/chat/completions",
      post({
        model: "m",
        models: ["anthropic/claude-sonnet-4-5"],
        messages: [{ role: "user", content: banned }],
      }),
    ],
    [
      "a second key of the same name",
      "/providers/openai/v1/some/thing",
      post(`{"a":{"b":"${banned}","b":"ok"}}`),
    ],
  ] satisfies [string, string, RequestInit][])("%s", async (_name, path, init) => {
    await expectBlocked(path, init);
  });

  test("what cannot be read is refused, since a guardrail that blocks cannot look at it", async () => {
    const init = post(upload(new Uint8Array([0x25, 0xff, 0xfe, 0x00, 0x80]), "a.pdf"), through);
    const answer = await gateway.fetch("/v1/files", init);
    expect(answer.status).toBe(400);
    expect(upstream.asked).toEqual([]);
    const { usage } = await gateway.recorded(answer);
    expect(usage.warnings[0]?.reason).toBe("guardrail `fish`: blocked (unreadable)");
  });

  test.each([
    ["/v1/embeddings", { model: "m", input: [15_339, 1_917] }],
    ["/v1/embeddings", { model: "m", input: [[15_339], [1_917]] }],
    ["/v1/completions", { model: "m", prompt: [15_339, 1_917] }],
    ["/api/generate", { model: "m", prompt: "hi", context: [1, 2], stream: false }],
  ])("nor can texts that come as tokens: %s %j", async (path, body) => {
    const answer = await gateway.fetch(path, post(body));
    expect(answer.status).toBe(400);
    expect(upstream.asked).toEqual([]);
    expect((await gateway.recorded(answer)).usage.errorCode).toBe("guardrail_blocked");
  });

  test.each([
    ["JSON that is cut", `{"a":"zebra\\u0066ish"`],
    ["JSON with a comment", `{"a":"zebra\\u0066ish" /* */}`],
    ["wider letters", Buffer.from("a harmless text", "utf16le").toString()],
  ])("nor can what others may read differently: %s", async (_name, text) => {
    const init = post(text, { "content-type": "text/plain" });
    const answer = await gateway.fetch("/providers/openai/v1/some/thing", init);
    expect(answer.status).toBe(400);
    expect(upstream.asked).toEqual([]);
  });

  test("sound for a model that takes sound is not", async () => {
    const data = new FormData();
    data.append("model", "openai/whisper-1");
    data.append("file", new File([new Uint8Array([0, 0xff, 0xfe])], "a.wav"));
    await gateway.fetch("/v1/audio/transcriptions", post(data));
    expect(upstream.asked).toHaveLength(1);
  });
});

test("S34 what it looks for is nobody's business: a pattern is not told either", async () => {
  await expectBlocked(
    "/v1/chat/completions",
    post({ model: "m", messages: [{ role: "user", content: "it is hushhush-42" }] }),
    "hushhush-42",
  );
});
