// S48: guardrails where nothing is understood: realtime frames, files, lines of results, pass-through, kept answers.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { banned, post, startUpstream } from "../support/guarded.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import {
  type RealtimeUpstream,
  startRealtimeUpstream,
} from "../support/upstream/openai-realtime.ts";

const upstream = startUpstream();
let live: RealtimeUpstream;
let gateway: InProcess;
let port: number;

beforeAll(async () => {
  live = startRealtimeUpstream();
  gateway = await startInProcess({
    providers: {
      openai: { base_url: `${upstream.url}/v1`, api_key: "sk-one-0123456789" },
      live: { type: "openai", base_url: live.baseUrl, api_key: live.key },
    },
    models: {
      voice: { deployments: ["live/gpt-realtime"] },
      hushed: { deployments: ["live/gpt-realtime"], guardrails: ["near"] },
      covered: { deployments: ["live/gpt-realtime"], guardrails: ["cover"] },
      kept: { deployments: ["openai/gpt-4o"], guardrails: ["fish"] },
    },
    guardrails: {
      fish: { type: "words", words: [banned] },
      mask: { type: "words", words: [banned], action: "mask" },
      near: { type: "words", words: ["near"], mode: "output" },
      cover: { type: "words", words: ["near", banned], action: "mask" },
    },
  });
  ({ port } = await gateway.listen());
});
afterEach(async () => {
  await gateway.idle();
  upstream.asked.length = 0;
  live.frames.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
  await live.stop();
});

describe("S48 a realtime session", () => {
  async function open(model: string, guardrails = "") {
    const options = { headers: { "x-megallm-guardrails": guardrails } };
    const socket = new WebSocket(
      `ws://127.0.0.1:${port}/v1/realtime?model=${model}`,
      options as unknown as string[],
    );
    const received: string[] = [];
    const done = Promise.withResolvers<void>();
    socket.addEventListener("message", ({ data }) => {
      received.push(String(data));
      if (String(data).includes('"type":"response.done"')) done.resolve();
    });
    const closed = new Promise<{ code: number; reason: string }>((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    await new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
    return { socket, received, closed, done: done.promise };
  }

  const item = (text: string): string =>
    JSON.stringify({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
    });
  const respond = JSON.stringify({ type: "response.create" });

  test("ends at a frame that is blocked, and the provider has none of it", async () => {
    const { socket, closed } = await open("voice", "fish");
    socket.send(item("hello"));
    socket.send(item(`a ${banned}`));
    socket.send(respond);
    const { code, reason } = await closed;
    expect(code).toBe(1008);
    expect(reason).toBe("The request was blocked by a guardrail.");
    expect(live.frames.join()).not.toContain(banned);
    expect((await gateway.newest())?.errorCode).toBe("guardrail_blocked");
  });

  test("masks frames both ways, in their order", async () => {
    const { socket, received, done, closed } = await open("covered");
    socket.send(item(`a ${banned}`));
    socket.send(respond);
    await done;
    socket.close();
    await closed;
    expect(live.frames).toEqual([item("a [word]"), respond]);
    const texts = received.join("\n");
    expect(texts).toContain("is [word]");
    expect(texts).not.toContain("is near");
    expect(texts.indexOf("response.created")).toBeLessThan(texts.indexOf("is [word]"));
  });

  test("ends before a frame of the provider that is blocked", async () => {
    const { socket, received, closed } = await open("hushed");
    socket.send(respond);
    expect((await closed).reason).toBe("The answer was withheld by a guardrail.");
    expect(received.join()).not.toContain("near");
  });
});

describe("S48 answers that are relayed unread", () => {
  const asking = (path: string, guardrails: string, headers: Record<string, string> = {}) =>
    gateway.fetch(path, {
      headers: { "x-megallm-guardrails": guardrails, "x-megallm-provider": "openai", ...headers },
    });
  const answering = (body: string | Uint8Array, type: string): void => {
    upstream.answer = () => new Response(body, { headers: { "content-type": type } });
  };
  const line = (text: string): string =>
    JSON.stringify({
      custom_id: "1",
      response: { body: { choices: [{ message: { content: text } }] } },
    });

  test.each([
    ["JSON", JSON.stringify({ deep: [{ er: `a ${banned}` }] }), "application/json"],
    ["lines, said to be bytes", `${line("ok")}\n${line(banned)}\n`, "application/octet-stream"],
    ["lines", `${line("ok")}\n${line(banned)}\n`, "application/jsonl"],
    ["text", `a ${banned}`, "text/plain"],
    ["events", `data: {"delta":"a zebra"}\n\ndata: {"delta":"fish"}\n\n`, "text/event-stream"],
    ["events without JSON", `data: a ${banned}\n\n`, "text/event-stream"],
  ])("%s", async (_name, body, type) => {
    for (const path of ["/v1/files/file-1/content", "/providers/openai/v1/some/thing"]) {
      answering(body, type);
      const answer = await asking(path, "fish");
      const text = await answer.text().catch(() => "");
      expect(text).not.toContain("fish");
      expect((await gateway.recorded(answer)).usage.errorCode).toBe("guardrail_blocked");
      const masked = await (await asking(path, "mask")).text();
      expect(masked).toContain("[word]");
      expect(masked).not.toContain("fish");
      expect(await (await asking(path, "")).text()).toBe(body);
    }
  });

  test("sound passes", async () => {
    const sound = new Uint8Array([0, 255, 1]);
    answering(sound, "audio/mpeg");
    const init = post(
      { model: "openai/tts-1", input: "hi", voice: "v" },
      { "x-megallm-guardrails": "fish" },
    );
    const answer = await gateway.fetch("/v1/audio/speech", init);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(sound);
  });

  test("a transcript does not", async () => {
    answering(JSON.stringify({ text: `a ${banned}` }), "application/json");
    const form = new FormData();
    form.append("model", "openai/whisper-1");
    form.append("file", new File([new Uint8Array([0, 255])], "a.wav"));
    const answer = await gateway.fetch(
      "/v1/audio/transcriptions",
      post(form, { "x-megallm-guardrails": "fish" }),
    );
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain(banned);
  });

  test("an answer that its provider keeps is looked at by the guardrails of every route to it", async () => {
    answering(
      JSON.stringify({
        id: "resp_1",
        object: "response",
        status: "completed",
        output: [{ type: "message", content: [{ type: "output_text", text: banned }] }],
      }),
      "application/json",
    );
    const answer = await asking("/providers/openai/v1/responses/resp_1", "");
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain(banned);
  });
});
