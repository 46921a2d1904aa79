// Tools that a provider runs and charges for by the call: what they can cost is set aside, the bound is sent along, the calls that were made are charged.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

let bill = 0n;
interface Body {
  model: string;
  tools?: { max_uses?: number }[];
  max_tool_calls?: number;
}
const bodies: Body[] = [];

/** Searches as often as it may, and bills a cent for each search besides the tokens. */
async function answer(request: Request): Promise<Response> {
  const body = (await request.json()) as Body;
  bodies.push(body);
  const isResponses = new URL(request.url).pathname.endsWith("/responses");
  const tools = body.tools ?? [];
  const calls = isResponses
    ? (body.max_tool_calls ?? 50)
    : tools.reduce((sum, tool) => sum + (tool.max_uses ?? 50), 0);
  const input = 5_000;
  const output = 40;
  const prices = isResponses ? [1_250n, 10_000n] : [3_000n, 15_000n];
  bill += BigInt(calls) * 10_000_000n;
  bill += BigInt(input) * (prices[0] ?? 0n) + BigInt(output) * (prices[1] ?? 0n);
  if (!isResponses) {
    return Response.json({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: body.model,
      content: [{ type: "text", text: "Found." }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: {
        input_tokens: input,
        output_tokens: output,
        server_tool_use: { web_search_requests: calls },
      },
    });
  }
  const text = { type: "output_text", text: "Found.", annotations: [] };
  return Response.json({
    id: "resp_1",
    object: "response",
    created_at: 1,
    model: body.model,
    status: "completed",
    output: [
      ...Array.from({ length: calls }, (_unused, at) => ({
        type: "web_search_call",
        id: `ws_${at}`,
        status: "completed",
        action: { type: "search", query: "q" },
      })),
      { type: "message", id: "m", role: "assistant", status: "completed", content: [text] },
    ],
    usage: { input_tokens: input, output_tokens: output, total_tokens: input + output },
  });
}

let scene: Scene;
beforeAll(async () => {
  const egress = createEgress({
    env: {},
    resolve: async () => ["127.0.0.1"],
    fetch: async (url, { proxy: _proxy, ...init }) => answer(new Request(url, init)),
  });
  const address = { base_url: "http://127.0.0.1:1/v1", api_key: "key-of-the-vendor" };
  scene = await openScene(
    {
      budgets: { max_tool_calls: 7 },
      prices: {},
      providers: {
        claude: { type: "anthropic", base_url: "http://127.0.0.1:1", api_key: "key-of-the-vendor" },
        vendor: { type: "openai", ...address },
      },
    },
    { egress },
  );
});
afterAll(() => scene.close());

const search = { type: "web_search_20250305", name: "web_search" };
const messages = [{ role: "user", content: "Look it up." }];
const asks = {
  anthropic: (tools: object[], more: object = {}) => ({
    path: "/v1/messages",
    body: { model: "claude/claude-sonnet-4-5", max_tokens: 100, messages, tools, ...more },
  }),
  responses: (more: object = {}) => ({
    path: "/v1/responses",
    body: {
      model: "vendor/gpt-5",
      input: "Look it up.",
      max_output_tokens: 100,
      tools: [{ type: "web_search" }],
      ...more,
    },
  }),
};

async function ask(key: Key, { path, body }: { path: string; body: object }): Promise<number> {
  const answered = await scene.running.fetch(path, {
    method: "POST",
    headers: { ...key.headers, "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
  });
  await answered.text();
  return answered.status;
}

test.each([
  ["Anthropic's, left open", asks.anthropic([search]), 7],
  [
    "Anthropic's, two of them left open",
    asks.anthropic([search, { ...search, type: "web_fetch_20250910", name: "web_fetch" }]),
    14,
  ],
  ["Anthropic's, more than usual", asks.anthropic([{ ...search, max_uses: 30 }]), 30],
  ["OpenAI's, left open", asks.responses(), 7],
  ["OpenAI's, more than usual", asks.responses({ max_tool_calls: 30 }), 30],
])("%s: parallel requests pass no budget, and ledger − bill = 0", async (_name, asked, calls) => {
  const key = await scene.key();
  const limit = usd(6);
  const budget = await scene.budget([key.subject], limit);
  [bill, bodies.length] = [0n, 0];
  const statuses = await Promise.all(Array.from({ length: 80 }, () => ask(key, asked)));
  const { spent, charged, held, largest } = await scene.account(budget);
  expect(new Set(statuses)).toEqual(new Set([200, 402]));
  expect([spent, charged, held]).toEqual([bill, bill, 0n]);
  expect(largest).toBeLessThanOrEqual(limit);
  for (const body of bodies) {
    const told = asked.path.endsWith("responses")
      ? body.max_tool_calls
      : (body.tools ?? []).reduce((sum, { max_uses: uses = 0 }) => sum + uses, 0);
    expect(told).toBe(calls);
  }
  await scene.audit();
});

test("nothing is put into requests that no budget pays for, nor into tools that are not paid for by the call", async () => {
  const free = await scene.key();
  bodies.length = 0;
  expect(await ask(free, asks.anthropic([search]))).toBe(200);
  expect(bodies[0]).toHaveProperty("tools", [search]);
  const key = await scene.key();
  await scene.budget([key.subject], usd(100));
  const own = { name: "look", input_schema: { type: "object" } };
  expect(await ask(key, asks.anthropic([own, search]))).toBe(200);
  expect(bodies[1]).toHaveProperty("tools", [own, { ...search, max_uses: 7 }]);
});

test("a price of the operator's counts calls, too", async () => {
  const own = await openScene(
    {
      budgets: { max_tool_calls: 3 },
      prices: { "*": { input: "0", output: "0", tool: "0.02" } },
      providers: {
        claude: { type: "anthropic", base_url: "http://127.0.0.1:1", api_key: "key-of-the-vendor" },
      },
    },
    {
      egress: createEgress({
        env: {},
        resolve: async () => ["127.0.0.1"],
        fetch: async (url, { proxy: _proxy, ...init }) => answer(new Request(url, init)),
      }),
    },
  );
  try {
    const key = await own.key();
    const budget = await own.budget([key.subject], usd(0.13));
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { path, body } = asks.anthropic([search]);
        const answered = await own.running.fetch(path, {
          method: "POST",
          headers: key.headers,
          body: JSON.stringify(body),
        });
        await answered.text();
        return answered.status;
      }),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
    expect((await own.account(budget)).spent).toBe(usd(0.12));
  } finally {
    await own.close();
  }
});
