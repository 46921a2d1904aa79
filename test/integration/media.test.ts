// Images, speech and transcriptions through the gateway: the official SDK in front, the strict double behind.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { toFile } from "openai";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { rawClient, rawRequest } from "../support/raw-client.ts";
import { json, startScripted } from "../support/scripted-upstream.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
let gateway: InProcess;
let client: OpenAI;

beforeAll(async () => {
  upstream = await startOpenAiUpstream({ key: "sk-of-the-provider" });
  gateway = await startInProcess({
    providers: { openai: { base_url: upstream.baseUrl, api_key: upstream.key } },
    models: { voice: { deployments: ["openai/gpt-4o-transcribe"] } },
    server: { max_upload: "4mb" },
  });
  client = new OpenAI({
    apiKey: "unused",
    baseURL: "http://gateway/v1",
    maxRetries: 0,
    fetch: (url, init) => gateway.gateway.fetch(new Request(url as string, init)),
  });
});
afterEach(() => upstream.reset());
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

const failureOf = (promise: PromiseLike<unknown>): PromiseLike<string> =>
  promise.then(
    () => "none",
    (error) => String(error),
  );

const sound = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 31) % 256));

describe("images", () => {
  test("are generated, and what they used is on record", async () => {
    const answer = await client.images.generate({
      model: "openai/gpt-image-1",
      prompt: "a red dot",
    });
    expect(answer.data?.[0]?.b64_json).toStartWith("iVBOR");
    expect(upstream.requests[0]?.parsed).toEqual({ model: "gpt-image-1", prompt: "a red dot" });
    const row = await gateway.newest();
    expect(row).toMatchObject({
      operation: "images",
      outputTokens: 272,
      status: "ok",
      relayed: true,
    });
    expect(row?.inputTokens).toBe(upstream.bill.total().inputTokens);
  });

  test("of a model that tells no usage cost what its vendor asks for the piece", async () => {
    await client.images.generate({ model: "openai/dall-e-3", prompt: "a red dot" });
    expect(await gateway.newest()).toMatchObject({ costNanos: 40_000_000n, outputTokens: 0 });
  });

  test("stream, and the last event's usage counts", async () => {
    const events = await client.images.generate({
      model: "openai/gpt-image-1",
      prompt: "a dot",
      stream: true,
    });
    const types: string[] = [];
    for await (const event of events) types.push(event.type);
    expect(types).toEqual(["image_generation.partial_image", "image_generation.completed"]);
    expect(await gateway.newest()).toMatchObject({ outputTokens: 272, stream: true });
  });

  test("are edited and varied", async () => {
    const image = await toFile(sound, "dot.png", { type: "image/png" });
    const edit = await client.images.edit({ model: "openai/gpt-image-1", image, prompt: "blue" });
    expect(edit.data).toHaveLength(1);
    const varied = await client.images.createVariation({ model: "openai/dall-e-2", image, n: 2 });
    expect(varied.data).toHaveLength(2);
    expect(upstream.requests.map(({ path }) => path)).toEqual([
      "/v1/images/edits",
      "/v1/images/variations",
    ]);
  });
});

describe("speech", () => {
  test("comes as the bytes that the provider sent", async () => {
    const answer = await client.audio.speech.create({
      model: "openai/tts-1",
      input: "hello",
      voice: "alloy",
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.equals(Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 7) % 256)))).toBe(
      true,
    );
    expect(answer.headers.get("content-type")).toBe("audio/mpeg");
    expect(await gateway.newest()).toMatchObject({ operation: "speech", costNanos: null });
  });

  test("comes as events where they are asked for", async () => {
    const answer = await client.audio.speech.create({
      model: "openai/gpt-4o-mini-tts",
      input: "hello",
      voice: "alloy",
      stream_format: "sse",
    });
    expect(await answer.text()).toContain("speech.audio.done");
    expect(await gateway.newest()).toMatchObject({ outputTokens: 100, stream: true });
  });
});

describe("transcriptions", () => {
  const file = () => toFile(sound, "talk.wav", { type: "audio/wav" });

  test("of a route name the provider's model in the form, and every other byte is the client's", async () => {
    const form = (model: string): Buffer =>
      Buffer.concat([
        Buffer.from(
          `--x1\r\ncontent-disposition: form-data; name="file"; filename="t.wav"\r\ncontent-type: audio/wav\r\n\r\n`,
        ),
        sound,
        Buffer.from(
          `\r\n--x1\r\ncontent-disposition: form-data; name="model"\r\n\r\n${model}\r\n--x1--\r\n`,
        ),
      ]);
    const answer = await gateway.fetch("/v1/audio/transcriptions", {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=x1" },
      body: form("voice"),
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ text: "Hello from the recording." });
    const [request] = upstream.requests;
    expect(Buffer.from(request?.body ?? []).equals(form("gpt-4o-transcribe"))).toBe(true);
    expect(request?.headers["content-length"]).toBe(String(form("gpt-4o-transcribe").length));
    expect(request?.headers["transfer-encoding"]).toBeUndefined();
    expect(await gateway.newest()).toMatchObject({
      route: "voice",
      model: "gpt-4o-transcribe",
      inputTokens: 40,
      inputAudioTokens: 40,
    });
  });

  test.each(["/v1", ""])("are served below %j by the SDK, whole and streamed", async (prefix) => {
    const own = new OpenAI({
      apiKey: "unused",
      baseURL: `http://gateway${prefix}`,
      fetch: (url, init) => gateway.gateway.fetch(new Request(url as string, init)),
    });
    const whole = await own.audio.transcriptions.create({ model: "voice", file: await file() });
    expect(whole.text).toBe("Hello from the recording.");
    const events = await own.audio.transcriptions.create({
      model: "voice",
      file: await file(),
      stream: true,
    });
    let text = "";
    for await (const event of events)
      if (event.type === "transcript.text.delta") text += event.delta;
    expect(text).toBe("Hello from the recording.");
    expect(await gateway.newest()).toMatchObject({ stream: true, inputTokens: 40 });
  });

  test("charged by the second cost so many seconds", async () => {
    await client.audio.transcriptions.create({ model: "openai/whisper-1", file: await file() });
    // Four seconds at $0.36 an hour.
    expect(await gateway.newest()).toMatchObject({
      operation: "transcriptions",
      costNanos: 400_000n,
    });
    const translated = await client.audio.translations.create({
      model: "openai/whisper-1",
      file: await file(),
    });
    expect(translated.text).toBe("Hello from the recording.");
  });

  test("that a provider refuses are refused in its words", async () => {
    const failed = client.audio.transcriptions.create({
      model: "openai/gpt-4o-transcribe",
      file: await file(),
      ...({ nonsense: "1" } as object),
    });
    expect(await failureOf(failed)).toMatch(/Unknown parameter: 'nonsense'/);
    expect(await gateway.newest()).toMatchObject({
      httpStatus: 400,
      errorCode: "upstream_rejected",
    });
  });

  test("larger than server.max_upload are refused while they come", async () => {
    const large = await toFile(Buffer.alloc(5 * 1024 * 1024), "l.wav");
    const failed = client.audio.transcriptions.create({ model: "voice", file: large });
    expect(await failureOf(failed)).toMatch(/server\.max_upload/);
    expect(upstream.requests).toHaveLength(0);
  });

  test.each([
    ["no model", "", /`model` is missing/],
    ["two models", part("model", "a") + part("model", "b"), /one field `model`/],
    ["no end", `--x1\r\ncontent-disposition: form-data; name="model"\r\n\r\nvoice`, /form/],
  ])("with %s are refused here", async (_name, parts, message) => {
    const answer = await gateway.fetch("/v1/audio/transcriptions", {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=x1" },
      body: parts.endsWith("voice") ? parts : `${part("language", "en")}${parts}--x1--\r\n`,
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toMatch(message);
  });
});

function part(name: string, value: string): string {
  return `--x1\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}

describe("when a provider fails", () => {
  test("the next deployment gets the whole form again", async () => {
    await using broken = await startScripted([json(503, { error: { message: "busy" } })]);
    const spare = await startInProcess({
      providers: {
        first: { type: "openai-compatible", base_url: `${broken.url}/v1`, api_key: "x" },
        second: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
      },
      models: { voice: { deployments: ["first/other-name", "second/gpt-4o-transcribe"] } },
    });
    try {
      const form = new FormData();
      // Past what is held in memory.
      form.append("file", new Blob([new Uint8Array(3 * 1024 * 1024)]), "t.wav");
      form.append("model", "voice");
      const answer = await spare.fetch("/v1/audio/transcriptions", { method: "POST", body: form });
      expect(answer.status).toBe(200);
      await answer.text();
      const { attempts, usage } = await spare.recorded(answer);
      expect(attempts.map(({ provider, status }) => [provider, status])).toEqual([
        ["first", "error"],
        ["second", "ok"],
      ]);
      expect(usage).toMatchObject({ provider: "second", inputTokens: 40 });
      expect(upstream.requests[0]?.body.length).toBeGreaterThan(3 * 1024 * 1024);
    } finally {
      await spare.close();
    }
  });

  test("a stream of events that breaks off ends with an error event", async () => {
    upstream.script({ kind: "cut", afterFrames: 2 });
    const form = new FormData();
    form.append("file", new Blob(["abc"]), "t.wav");
    form.append("model", "voice");
    form.append("stream", "true");
    const answer = await gateway.fetch("/v1/audio/transcriptions", { method: "POST", body: form });
    const text = await answer.text();
    expect(text).toContain("transcript.text.delta");
    const last = text.trimEnd().split("\n\n").at(-1) ?? "";
    expect(JSON.parse(last.replace(/^data: /, ""))).toHaveProperty("error.message");
    const { usage } = await gateway.recorded(answer);
    expect(usage).toMatchObject({ status: "error", errorCode: "upstream_unavailable" });
  });

  test("bytes that break off break the connection", async () => {
    upstream.script({ kind: "cut", afterFrames: 1 });
    const answer = await gateway.fetch("/v1/audio/speech", {
      method: "POST",
      body: JSON.stringify({ model: "openai/tts-1", input: "hello", voice: "alloy" }),
    });
    expect(await failureOf(answer.arrayBuffer())).not.toBe("none");
    expect((await gateway.recorded(answer)).usage.status).toBe("error");
  });

  test("a client that leaves stops the provider", async () => {
    upstream.script({ kind: "hang", afterFrames: 1 });
    const left = new AbortController();
    const form = new FormData();
    form.append("file", new Blob(["abc"]), "t.wav");
    form.append("model", "voice");
    form.append("stream", "true");
    const answer = await gateway.fetch("/v1/audio/transcriptions", {
      method: "POST",
      body: form,
      signal: left.signal,
    });
    const reader = answer.body!.getReader();
    left.abort();
    await reader.read().catch(() => {});
    const { usage } = await gateway.recorded(answer);
    expect(usage).toMatchObject({ status: "client_closed", httpStatus: 499 });
  });

  test("a client that breaks off its upload is forgotten", async () => {
    const { port } = await gateway.listen();
    const raw = await rawClient(port);
    raw.write(
      rawRequest(port, "POST /v1/audio/transcriptions", {
        headers: ["content-type: multipart/form-data; boundary=x1", "content-length: 3000000"],
      }),
    );
    raw.write(
      `${part("model", "voice")}--x1\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n`,
    );
    raw.write(Buffer.alloc(2_000_000));
    while (gateway.gateway.inFlight === 0) await Bun.sleep(1);
    raw.reset();
    await gateway.idle();
    expect(await gateway.newest()).toMatchObject({
      operation: "transcriptions",
      status: "client_closed",
    });
    expect(upstream.requests).toHaveLength(0);
  });

  test("what the operator adds to a body is added, and no content type is asked for", async () => {
    const other = await startInProcess({
      providers: {
        openai: {
          base_url: upstream.baseUrl,
          api_key: upstream.key,
          extra_body: { quality: "low" },
          drop_params: ["user"],
          extra_headers: { "x-team": "a" },
        },
      },
    });
    try {
      const answer = await other.fetch("/v1/images/generations", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: '{ "model": "openai/gpt-image-1", "prompt": "a", "user": "me" }',
      });
      expect(answer.status).toBe(200);
      await answer.text();
      const [request] = upstream.requests;
      expect(request?.parsed).toEqual({ model: "gpt-image-1", prompt: "a", quality: "low" });
      expect(request?.headers["x-team"]).toBe("a");
    } finally {
      await other.close();
    }
  });

  test("a provider without the operation is named", async () => {
    const other = await startInProcess({ providers: { anthropic: { api_key: "k" } } });
    try {
      const answer = await other.fetch("/v1/images/generations", {
        method: "POST",
        body: JSON.stringify({ model: "anthropic/claude-x", prompt: "a" }),
      });
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain("`anthropic` has no images endpoint");
    } finally {
      await other.close();
    }
  });
});
