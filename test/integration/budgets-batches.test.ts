// Batches: what all lines can cost is charged when one is made, and what they did cost when it is seen; no budget is passed.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

interface Line {
  custom_id: string;
  body?: LineBody;
  params?: LineBody;
}

interface LineBody {
  model: string;
  max_tokens?: number;
}

interface Batch {
  vendor: "openai" | "anthropic";
  results: string;
  usage: { input_tokens: number; output_tokens: number; total_tokens: number };
  model: string;
  isOver: boolean;
}

/** Two vendors that work batches off at half price, and keep their own bills. */
function createVendors() {
  const files = new Map<string, string>();
  const batches = new Map<string, Batch>();
  let made = 0;
  const vendors = {
    bill: 0n,
    tellsUsage: true,
    created: 0,
    finish: () => {},
    egress: createEgress({
      env: {},
      resolve: async () => ["127.0.0.1"],
      fetch: async (url, { proxy: _proxy, ...init }) => answer(new Request(url, init)),
    }),
  };
  const words = 7;
  const run = (vendor: Batch["vendor"], lines: readonly Line[]): string => {
    made += 1;
    vendors.created += 1;
    const id = `${vendor === "openai" ? "batch" : "msgbatch"}_${made}`;
    const usage = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };
    const results = lines.map((line, at) => {
      const body = line.body ?? line.params;
      if (!body) throw new Error("a line without a body");
      const input = 3 + (at % 5);
      const most = body.max_tokens ?? words;
      const output = Math.min(words, most);
      usage.input_tokens += input;
      usage.output_tokens += output;
      usage.total_tokens += input + output;
      const isDear = body.model.includes("sonnet");
      const cost = isDear
        ? BigInt(input) * 3_000n + BigInt(output) * 15_000n
        : BigInt(input) * 2_500n + BigInt(output) * 10_000n;
      vendors.bill += cost / 2n;
      const told = {
        model: body.model,
        usage: {
          input_tokens: input,
          output_tokens: output,
          prompt_tokens: input,
          completion_tokens: output,
          total_tokens: input + output,
        },
      };
      return vendor === "openai"
        ? { custom_id: line.custom_id, response: { status_code: 200, body: told }, error: null }
        : {
            custom_id: line.custom_id,
            result: { type: "succeeded", message: { type: "message", ...told } },
          };
    });
    const model = (lines[0]?.body ?? lines[0]?.params)?.model ?? "";
    batches.set(id, {
      vendor,
      usage,
      model,
      isOver: false,
      results: results.map((each) => JSON.stringify(each)).join("\n"),
    });
    return id;
  };
  const shown = (id: string, { vendor, usage, isOver, model }: Batch): object =>
    vendor === "anthropic"
      ? {
          id,
          type: "message_batch",
          processing_status: isOver ? "ended" : "in_progress",
          request_counts: { succeeded: isOver ? 1 : 0 },
        }
      : {
          id,
          object: "batch",
          status: isOver ? "completed" : "in_progress",
          request_counts: { total: 3, completed: isOver ? 3 : 0, failed: 0 },
          ...(isOver && { output_file_id: `file-out-${id}` }),
          ...(isOver && vendors.tellsUsage && { usage, model }),
        };
  const answer = async (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname;
    const [, id = "", below] = /\/(?:files|batches)\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    if (request.method === "POST" && path.endsWith("/files")) {
      const file = (await request.formData()).get("file");
      made += 1;
      files.set(`file-${made}`, file instanceof Blob ? await file.text() : "");
      return Response.json({ id: `file-${made}`, object: "file", purpose: "batch" });
    }
    if (request.method === "POST" && path.endsWith("/batches")) {
      const body = (await request.json()) as {
        requests?: Line[];
        input_file_id?: string;
      };
      const isAnthropic = path.includes("messages");
      const lines = isAnthropic
        ? (body.requests ?? [])
        : (files.get(body.input_file_id ?? "") ?? "")
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line) as Line);
      const own = run(isAnthropic ? "anthropic" : "openai", lines);
      return Response.json(shown(own, batches.get(own) as Batch));
    }
    if (id.startsWith("file-out-")) {
      return new Response(batches.get(id.slice("file-out-".length))?.results, {
        headers: { "content-type": "application/octet-stream" },
      });
    }
    const batch = batches.get(id);
    if (!batch) return Response.json({ error: { message: "none" } }, { status: 404 });
    if (below === "results")
      return new Response(batch.results, { headers: { "content-type": "application/x-jsonl" } });
    return Response.json(shown(id, batch));
  };
  vendors.finish = () => {
    for (const batch of batches.values()) batch.isOver = true;
  };
  return vendors;
}

const vendors = createVendors();
let scene: Scene;
beforeAll(async () => {
  scene = await openScene(
    {
      prices: {},
      providers: {
        vendor: { type: "openai", base_url: "http://127.0.0.1:1/v1", api_key: "key-of-the-vendor" },
        claude: { type: "anthropic", base_url: "http://127.0.0.1:1", api_key: "key-of-the-vendor" },
      },
    },
    { egress: vendors.egress },
  );
});
afterAll(() => scene.close());

const lineOf = (at: number, body: object = {}): object => ({
  custom_id: `line-${at}`,
  method: "POST",
  url: "/v1/chat/completions",
  body: {
    model: "gpt-4o",
    max_tokens: 20,
    messages: [{ role: "user", content: `Question ${at}` }],
    ...body,
  },
});

async function upload(key: Key, lines: readonly object[]): Promise<string> {
  const form = new FormData();
  form.set("purpose", "batch");
  form.set("file", new Blob([lines.map((line) => JSON.stringify(line)).join("\n")]), "lines.jsonl");
  const { "content-type": _type, ...headers } = key.headers;
  const answer = await scene.running.fetch("/v1/files", {
    method: "POST",
    headers: { ...headers, "x-megallm-provider": "vendor" },
    body: form,
  });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { id: string }).id;
}

interface Made {
  status: number;
  id: string;
  requestId: string;
}

async function create(key: Key, path: string, provider: string, body: object): Promise<Made> {
  const answer = await scene.running.fetch(path, {
    method: "POST",
    headers: { ...key.headers, "x-megallm-provider": provider },
    body: JSON.stringify(body),
  });
  const told = (await answer.json()) as { id?: string };
  return {
    status: answer.status,
    id: told.id ?? "",
    requestId: answer.headers.get("x-request-id") ?? "",
  };
}

const fromFile = async (key: Key, fileId: string): Promise<Made> =>
  create(key, "/v1/batches", "vendor", {
    input_file_id: fileId,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });

const inline = (key: Key, count: number): Promise<Made> =>
  create(key, "/v1/messages/batches", "claude", {
    requests: Array.from({ length: count }, (_unused, at) => ({
      custom_id: `line-${at}`,
      params: {
        model: "claude-sonnet-4-5",
        max_tokens: 20,
        messages: [{ role: "user", content: "Hi." }],
      },
    })),
  });

const look = async (key: Key, path: string): Promise<string> => {
  const answer = await scene.running.fetch(path, { headers: key.headers });
  expect(answer.status).toBe(200);
  const text = await answer.text();
  await scene.running.idle();
  await scene.store.flush();
  return text;
};

const kinds = [
  [
    "a file, whose batch tells its usage",
    true,
    async (key: Key) =>
      fromFile(
        key,
        await upload(
          key,
          [0, 1, 2].map((at) => lineOf(at)),
        ),
      ),
    (id: string) => [`/v1/batches/${id}`],
  ],
  [
    "a file, whose results tell it",
    false,
    async (key: Key) =>
      fromFile(
        key,
        await upload(
          key,
          [0, 1, 2].map((at) => lineOf(at)),
        ),
      ),
    (id: string) => [`/v1/batches/${id}`, `/v1/files/file-out-${id}/content`],
  ],
  [
    "requests in the body",
    true,
    (key: Key) => inline(key, 4),
    (id: string) => [`/v1/messages/batches/${id}`, `/v1/messages/batches/${id}/results`],
  ],
] as const;

describe("no budget is passed by parallel batches, and charges − bill = 0 once they are looked at", () => {
  test.each(kinds)("%s", async (_name, tellsUsage, make, paths) => {
    vendors.tellsUsage = tellsUsage;
    const key = await scene.key();
    const limit = usd(0.012);
    const budget = await scene.budget([key.subject], limit);
    const before = vendors.bill;
    const created = vendors.created;
    const made = await Promise.all(Array.from({ length: 25 }, () => make(key)));
    const good = made.filter(({ status }) => status === 200);
    expect(good.length).toBeGreaterThan(0);
    expect(made.filter(({ status }) => status === 402).length).toBe(25 - good.length);
    expect(vendors.created - created).toBe(good.length);
    expect(good.length).toBeLessThan(25);
    const charged = await scene.account(budget);
    expect(charged.spent).toBeGreaterThan(vendors.bill - before);
    expect(charged.largest).toBeLessThanOrEqual(limit);
    expect(vendors.bill - before).toBeLessThanOrEqual(limit);
    const open = await scene.store.accounts.unresolved({ limit: 1_000 });
    expect(open.charges.filter(({ budgetId }) => budgetId === budget)).toHaveLength(good.length);

    // Under way: nothing changes.
    const [first] = good;
    for (const path of paths(first?.id ?? "").slice(0, 1)) await look(key, path);
    expect((await scene.account(budget)).spent).toBe(charged.spent);

    vendors.finish();
    const ledger = await scene.ledger();
    for (let times = 0; times < 2; times += 1) {
      for (const { id } of good) for (const path of paths(id)) await look(key, path);
    }
    const { spent, charged: sum } = await scene.account(budget);
    const bill = vendors.bill - before;
    expect([spent, sum]).toEqual([bill, bill]);
    // The rows of those who looked first say what it cost.
    expect((await scene.ledger()) - ledger).toBe(bill);
    const left = await scene.store.accounts.unresolved({ limit: 1_000 });
    expect(left.charges.filter(({ budgetId }) => budgetId === budget)).toEqual([]);
    await scene.audit();
  });
});

test("what nobody can bound is refused for whoever has a budget, and nobody is asked", async () => {
  const key = await scene.key();
  await scene.budget([key.subject], usd(10));
  const created = vendors.created;
  const bad = [
    [lineOf(0), lineOf(1, { model: "unknown-model" })],
    [lineOf(0), { ...lineOf(1), url: "/v1/images/generations" }],
    [lineOf(0), { custom_id: "x" }],
  ];
  for (const lines of bad) {
    expect((await fromFile(key, await upload(key, lines))).status).toBe(402);
  }
  expect(vendors.created).toBe(created);
  const free = await scene.key();
  expect((await fromFile(free, await upload(free, bad[0] ?? []))).status).toBe(200);
});

test("what names a file and has requests besides has no bound: nobody can tell which of them is worked off", async () => {
  const key = await scene.key();
  await scene.budget([key.subject], usd(1));
  const fileId = await upload(key, [lineOf(0)]);
  const { created } = vendors;
  const both = { input_file_id: fileId, requests: [] };
  expect((await create(key, "/v1/batches", "vendor", both)).status).toBe(402);
  expect(vendors.created).toBe(created);
});

test("who has nothing left can still stop a batch", async () => {
  vendors.tellsUsage = true;
  const key = await scene.key();
  const made = await fromFile(key, await upload(key, [lineOf(0)]));
  expect(made.status).toBe(200);
  await scene.budget([key.subject], 0n);
  const cancel = (path: string): Promise<Response> =>
    scene.running.fetch(path, { method: "POST", headers: key.headers, body: "{}" });
  expect((await cancel(`/v1/batches/${made.id}/cancel`)).status).toBe(200);
  expect((await cancel(`/v1/batches/${made.id}/other`)).status).toBe(402);
  await scene.audit();
});

test("each line counts as a request of a limit", async () => {
  const key = await scene.key();
  await scene.limit({ subject: key.subject, unit: "requests", window: "hour", amount: 10 });
  const lines = Array.from({ length: 6 }, (_unused, at) => lineOf(at));
  const fileId = await upload(key, lines);
  expect((await fromFile(key, fileId)).status).toBe(200);
  expect((await fromFile(key, fileId)).status).toBe(429);
});

test("a default price holds for each line, and what comes of them is charged at the price of each line's own model", async () => {
  vendors.tellsUsage = false;
  const usual = scene;
  scene = await openScene(
    {
      prices: { sonnet: { input: "3", output: "15" } },
      budgets: { default_price: { input: "1", output: "4", request: "0.02" } },
      providers: {
        vendor: { type: "openai", base_url: "http://127.0.0.1:1/v1", api_key: "key-of-the-vendor" },
      },
    },
    { egress: vendors.egress },
  );
  try {
    const key = await scene.key();
    const budget = await scene.budget([key.subject], usd(1));
    const dear = [2, 3, 4].map((at) => lineOf(at, { model: "sonnet" }));
    const unread = { ...lineOf(1), url: "/v1/images/generations" };
    const before = vendors.bill;
    const made = await fromFile(key, await upload(key, [lineOf(0), unread, ...dear]));
    expect([made.status, (await scene.account(budget)).spent]).toEqual([200, usd(0.1)]);
    vendors.finish();
    await look(key, `/v1/batches/${made.id}`);
    await look(key, `/v1/files/file-out-${made.id}/content`);
    expect((await scene.account(budget)).spent).toBe(vendors.bill - before);
    await scene.audit();
  } finally {
    await scene.close();
    scene = usual;
  }
});
