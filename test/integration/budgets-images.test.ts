// Pictures: what they can cost at most is set aside, by tokens, by the piece or by the operator's price, and what was billed is charged.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createEgress } from "../../src/egress.ts";
import { type Key, openScene, type Scene, usd } from "../support/money/scene.ts";

/** A vendor of pictures that keeps its own bill, by its own price list. */
function createVendor() {
  let bill = 0n;
  let asked = 0;
  type Fields = Record<string, string | number | boolean | undefined>;
  const fieldsOf = async (request: Request): Promise<Fields> => {
    if (!/multipart/.test(request.headers.get("content-type") ?? "")) {
      return (await request.json()) as Fields;
    }
    const form = await request.formData();
    return {
      ...Object.fromEntries(
        [...form].map(([name, value]) => [name, typeof value === "string" ? value : undefined]),
      ),
      files: [...form].filter(([, value]) => typeof value !== "string").length,
    };
  };
  const answer = async (request: Request): Promise<Response> => {
    asked += 1;
    const fields = await fieldsOf(request);
    const count = Number(fields["n"] ?? 1);
    const model = String(fields["model"]);
    const prompt = String(fields["prompt"] ?? "");
    if (prompt.includes("reset")) {
      bill += prompt.includes("unbilled") ? 0n : 40_000_000n;
      throw Object.assign(new Error("closed"), { code: "ECONNRESET" });
    }
    if (prompt.includes("refuse"))
      return Response.json({ error: { message: "no" } }, { status: 400 });
    const data = Array.from({ length: count }, () => ({
      b64_json: prompt.includes("large") ? "A".repeat(9_000_000) : "AAAA",
    }));
    if (model === "dall-e-3" || model === "piece" || model === "unknown") {
      const isHd = fields["quality"] === "hd";
      const isWide = (fields["size"] ?? "1024x1024") !== "1024x1024";
      const each =
        model === "piece"
          ? 30_000_000n
          : isHd
            ? isWide
              ? 120_000_000n
              : 80_000_000n
            : isWide
              ? 80_000_000n
              : 40_000_000n;
      const made = prompt.includes("fewer") ? data.slice(1) : data;
      bill += each * BigInt(made.length);
      return Response.json({ created: 1, data: made });
    }
    const perPicture = { low: 272, medium: 1_056 }[String(fields["quality"])] ?? 4_160;
    const isTall = !["1024x1024"].includes(String(fields["size"] ?? "auto"));
    const output = count * (isTall ? Math.ceil(perPicture * 1.5) : perPicture);
    const text = 10 + (asked % 7);
    const image = Number(fields["files"] ?? 0) * 4_400;
    bill += BigInt(text) * 5_000n + BigInt(image) * 10_000n + BigInt(output) * 40_000n;
    const usage = {
      total_tokens: text + image + output,
      input_tokens: text + image,
      output_tokens: output,
      input_tokens_details: { text_tokens: text, image_tokens: image },
    };
    if (fields["stream"] === true) {
      const event = { type: "image_generation.completed", b64_json: "AAAA", usage };
      return new Response(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`, {
        headers: { "content-type": "text/event-stream" },
      });
    }
    return Response.json({ created: 1, data, usage });
  };
  return {
    egress: createEgress({
      env: {},
      resolve: async () => ["127.0.0.1"],
      fetch: async (url, { proxy: _proxy, ...init }) => answer(new Request(url, init)),
    }),
    get bill() {
      return bill;
    },
    get asked() {
      return asked;
    },
  };
}

let vendor = createVendor();
let scene: Scene;
const prices = { piece: { input: "0", output: "0", image: "0.03" } };
const providers = {
  vendor: { type: "openai", base_url: "http://127.0.0.1:1/v1", api_key: "key-of-the-vendor" },
};

beforeAll(async () => {
  vendor = createVendor();
  scene = await openScene({ providers, prices }, { egress: vendor.egress });
});
afterAll(() => scene.close());

const make = (key: Key, body: object): Promise<Response> =>
  scene.running.fetch("/v1/images/generations", {
    method: "POST",
    headers: key.headers,
    body: JSON.stringify({ prompt: "A cat.", ...body }),
  });

async function edit(key: Key, fields: Record<string, string>, files: number): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries({ prompt: "A cat.", ...fields }))
    form.set(name, value);
  for (let at = 0; at < files; at += 1) form.append("image[]", new Blob(["png"]), `${at}.png`);
  const { "content-type": _type, ...headers } = key.headers;
  return scene.running.fetch("/v1/images/edits", { method: "POST", headers, body: form });
}

describe("no budget is passed, and ledger − bill = 0", () => {
  const bodies: [name: string, limit: number, ask: (key: Key, at: number) => Promise<Response>][] =
    [
      [
        "tokens",
        1.5,
        (key, at) =>
          make(key, {
            model: "vendor/gpt-image-1",
            n: 1 + (at % 3),
            ...(at % 2 === 0 && { quality: "low", size: "1024x1024" }),
          }),
      ],
      [
        "tokens of edits, by form",
        1.5,
        (key, at) =>
          edit(key, { model: "vendor/gpt-image-1", n: String(1 + (at % 2)) }, 1 + (at % 3)),
      ],
      [
        "a stream",
        1,
        (key) => make(key, { model: "vendor/gpt-image-1", stream: true, partial_images: 2 }),
      ],
      [
        "the piece, of a size that nobody can read",
        0.5,
        (key) => make(key, { model: "vendor/dall-e-3", size: 1792 }),
      ],
      [
        "the piece",
        0.5,
        (key, at) =>
          make(key, {
            model: "vendor/dall-e-3",
            ...(at % 2 === 0 && { quality: "hd", size: "1792x1024" }),
          }),
      ],
      [
        "the operator's price for a piece",
        0.5,
        (key, at) => make(key, { model: "vendor/piece", n: 1 + (at % 4) }),
      ],
    ];
  test.each(bodies)("%s", async (_name, amount, ask) => {
    const key = await scene.key();
    const limit = usd(amount);
    const budget = await scene.budget([key.subject], limit);
    const before = vendor.bill;
    const statuses = await Promise.all(
      Array.from({ length: 120 }, async (_unused, at) => {
        const answer = await ask(key, at);
        await answer.text();
        return answer.status;
      }),
    );
    const { spent, charged, held, largest } = await scene.account(budget);
    const bill = vendor.bill - before;
    expect(new Set(statuses)).toEqual(new Set([200, 402]));
    expect(bill).toBeGreaterThan(0n);
    expect(bill).toBeLessThanOrEqual(limit);
    expect([spent, charged, held]).toEqual([bill, bill, 0n]);
    expect(largest).toBeLessThanOrEqual(limit);
    await scene.audit();
  });
});

test("pictures that did not come are not paid for; those too large to be held are", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(10));
  const before = vendor.bill;
  await (await make(key, { model: "vendor/piece", n: 3, prompt: "fewer" })).text();
  expect((await scene.account(budget)).spent).toBe(60_000_000n);
  // 18 MB of base64, and the usage behind it.
  await (await make(key, { model: "vendor/gpt-image-1", n: 2, prompt: "large" })).text();
  expect((await scene.account(budget)).spent).toBe(vendor.bill - before);
});

test("a refusal costs nothing; what may have been made is charged in full, as unresolved", async () => {
  const key = await scene.key();
  const budget = await scene.budget([key.subject], usd(10));
  expect((await make(key, { model: "vendor/dall-e-3", prompt: "refuse" })).status).toBe(400);
  expect((await scene.account(budget)).spent).toBe(0n);
  const lost = await make(key, { model: "vendor/dall-e-3", prompt: "reset" });
  expect(lost.status).toBe(502);
  const { charges } = await scene.store.accounts.unresolved({ limit: 1_000 });
  const own = charges.filter(({ budgetId }) => budgetId === budget);
  expect(own.length).toBe(1);
  expect(own[0]).toMatchObject({ deployment: "vendor/dall-e-3" });
  await scene.audit();
});

test("without a price: refused for whoever has a budget, and nobody is asked", async () => {
  const key = await scene.key();
  await scene.budget([key.subject], usd(10));
  const before = vendor.asked;
  const refused = await make(key, { model: "vendor/unknown" });
  expect([refused.status, await refused.text()]).toEqual([
    402,
    expect.stringContaining("Set its price under `prices`"),
  ]);
  expect(vendor.asked).toBe(before);
  const free = await scene.key();
  expect((await make(free, { model: "vendor/unknown" })).status).toBe(200);
});

test("a default price holds and charges by what it says of pictures and requests", async () => {
  const own = createVendor();
  const other = await openScene(
    {
      providers,
      budgets: { default_price: { input: "0", output: "0", request: "0.01", image: "0.05" } },
    },
    { egress: own.egress },
  );
  try {
    const key = await other.key();
    const budget = await other.budget([key.subject], usd(0.25));
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const answer = await other.running.fetch("/v1/images/generations", {
          method: "POST",
          headers: key.headers,
          body: JSON.stringify({ model: "vendor/unknown", prompt: "A cat.", n: 2 }),
        });
        await answer.text();
        return answer.status;
      }),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(2);
    expect((await other.account(budget)).spent).toBe(usd(0.22));
    await other.audit();
  } finally {
    await other.close();
  }
});
