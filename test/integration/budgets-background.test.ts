// B03: answers made in the background: charged in full while nobody knows what they cost, and put right when they are looked at.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { openScene, type Scene, usd } from "../support/money/scene.ts";

let scene: Scene;
let isDone = false;

const answer = () => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "m",
  background: true,
  status: isDone ? "completed" : "in_progress",
  output: isDone
    ? [
        {
          type: "message",
          id: "msg_1",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "Done.", annotations: [] }],
        },
      ]
    : [],
  usage: isDone ? { input_tokens: 50, output_tokens: 7, total_tokens: 57 } : null,
});

beforeAll(async () => {
  const egress = createEgress({
    env: {},
    resolve: async () => ["127.0.0.1"],
    fetch: async () => Response.json(answer()),
  });
  scene = await openScene(
    {
      providers: {
        vendor: {
          type: "openai-compatible",
          base_url: "http://127.0.0.1:1/v1",
          api_key: "key-of-the-vendor",
          dialects: ["openai-responses"],
        },
      },
      prices: { m: { input: "1", output: "4" } },
    },
    { egress },
  );
});
afterAll(() => scene.close());

test("what was charged in full is put right when the answer is there, once", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(1));
  const asked = await scene.running.fetch("/v1/responses", {
    method: "POST",
    headers: key.headers,
    body: JSON.stringify({
      model: "vendor/m",
      input: "Think about it.",
      background: true,
      store: true,
      max_output_tokens: 1_000,
    }),
  });
  expect(asked.status).toBe(200);
  await asked.text();
  const before = await scene.account(budget);
  expect(before.held).toBe(0n);
  expect(before.spent).toBeGreaterThan(4_000_000n);
  const requestId = asked.headers.get("x-request-id") ?? "";
  expect((await scene.store.accounts.unresolved()).charges).toMatchObject([{ requestId }]);
  const look = async (): Promise<void> => {
    const seen = await scene.running.fetch("/v1/responses/resp_1", { headers: key.headers });
    expect(seen.status).toBe(200);
    await seen.text();
    await scene.running.idle();
    await scene.store.flush();
  };
  await look();
  expect((await scene.account(budget)).spent).toBe(before.spent);
  isDone = true;
  for (let times = 0; times < 3; times += 1) {
    await look();
    await Bun.sleep(10);
    // 50 tokens at $1 and 7 at $4 a million.
    expect((await scene.account(budget)).spent).toBe(50_000n + 28_000n);
  }
  expect((await scene.store.accounts.unresolved()).charges).toEqual([]);
  await scene.audit();
});
