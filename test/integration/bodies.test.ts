// Bodies on record: only where the route or the key asks, whole for the client, without secrets in the database.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

let upstream: Upstream;
let running: InProcess;

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  running = await startInProcess({
    server: { require_key: "always" },
    keys: {
      plain: "plain-key-0123456789",
      kept: { key: "kept-key-0123456789", store_bodies: true },
    },
    providers: {
      up: { type: "openai", base_url: upstream.baseUrl, api_key: upstream.key },
    },
    models: {
      quiet: "up/gpt-4o",
      told: { deployments: ["up/gpt-4o"], store_bodies: true },
    },
  });
});

afterAll(async () => {
  await running.close();
  await upstream.stop();
});

const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789";

async function ask(key: string, body: Record<string, unknown>) {
  const answer = await running.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({
      messages: [{ role: "user", content: `Remember the key ${secret} of mine.` }],
      ...body,
    }),
  });
  const text = await answer.text();
  const { usage } = await running.recorded(answer);
  // What is kept is written when the answer is over.
  for (let wait = 0; wait < 50; wait += 1) {
    if ((await running.store.bodies.get(usage.requestId)).length > 0) break;
    await Bun.sleep(2);
  }
  return { answer, text, bodies: await running.store.bodies.get(usage.requestId) };
}

describe.each([false, true])("stream: %s", (stream) => {
  test.each([
    ["the route", "plain-key-0123456789", "told"],
    ["the key", "kept-key-0123456789", "quiet"],
  ])("kept where %s asks", async (_, key, model) => {
    upstream.script({ kind: "text", text: "I have noted it." });
    const { answer, text, bodies } = await ask(key, { model, stream });
    expect(answer.status).toBe(200);
    expect(bodies.map(({ part }) => part)).toEqual(["request", "response"]);
    const [request, response] = bodies;
    expect(request?.text).toContain("Remember the key");
    expect(request?.text).not.toContain(secret);
    expect(response?.size).toBe(Buffer.byteLength(text));
    expect(response?.text).toContain(stream ? "data: " : "I have noted it.");
  });
});

test("an answer that fails leaves what was asked", async () => {
  upstream.script({ kind: "error", status: 500, type: "server_error", message: "broken" });
  const { answer, bodies } = await ask("plain-key-0123456789", { model: "told" });
  expect(answer.status).toBe(502);
  expect(bodies.map(({ part }) => part)).toEqual(["request"]);
});

test("nothing is kept where nobody asks", async () => {
  const { bodies } = await ask("plain-key-0123456789", { model: "quiet" });
  expect(bodies).toEqual([]);
});
