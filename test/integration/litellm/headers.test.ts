// LiteLLM's response headers, behind their switch.
import { afterEach, expect, test } from "bun:test";
import { adminKey } from "../../support/in-process.ts";
import { type LitellmGround, startLitellm } from "../../support/litellm.ts";

let ground: LitellmGround | null = null;
afterEach(async () => {
  await ground?.close();
  ground = null;
});

const litellm = (headers: Headers): string[] =>
  [...headers.keys()].filter((name) => /^(x-litellm|llm_provider)-/.test(name));

test("there are none without the switch", async () => {
  ground = await startLitellm();
  const { body } = await ground.ask("POST", "/key/generate", { body: {} });
  const answer = await ground.chat(body.key);
  expect(answer.status).toBe(200);
  expect(litellm(answer.headers)).toEqual([]);
  expect((await ground.ask("GET", "/health", { key: adminKey })).body).toEqual({ status: "ok" });
});

test("with it every answer says what LiteLLM's does", async () => {
  ground = await startLitellm({ compat: { litellm: true } });
  const { body } = await ground.ask("POST", "/key/generate", { body: {} });
  const first = await ground.chat(body.key);
  const cost = Number(first.headers.get("x-litellm-response-cost"));
  expect(cost).toBe(Number(first.headers.get("x-megallm-cost-usd")));
  expect(cost).toBeGreaterThan(0);
  const second = await ground.chat(body.key);
  const { headers } = second;
  expect(headers.get("x-litellm-call-id")).toBe(headers.get("x-request-id"));
  expect(headers.get("x-litellm-model-id")).toBe("up/gpt-4o-mini");
  expect(headers.get("x-litellm-model-group")).toBe("fast");
  expect(headers.get("x-litellm-model-api-base")).toBe(ground.upstream.baseUrl);
  expect(Number(headers.get("x-litellm-key-spend"))).toBeCloseTo(2 * cost, 9);
  expect(headers.get("x-litellm-attempted-retries")).toBe("0");
  expect(headers.get("x-litellm-attempted-fallbacks")).toBe("0");
  expect(Number(headers.get("x-litellm-response-duration-ms"))).toBeGreaterThan(0);
  expect(Number(headers.get("x-litellm-overhead-duration-ms"))).toBeGreaterThan(0);
  expect(headers.get("llm_provider-content-type")).toContain("application/json");
  expect(headers.get("llm_provider-set-cookie")).toBeNull();
  expect([...headers.keys()].filter((name) => name.startsWith("llm_provider-connection"))).toEqual(
    [],
  );
  // What the gateway says itself stays.
  expect(headers.get("x-megallm-model")).toBe("gpt-4o-mini");
});

test("a stream's cost is not known when it begins", async () => {
  ground = await startLitellm({ compat: { litellm: true } });
  const { body } = await ground.ask("POST", "/key/generate", { body: {} });
  const answer = await ground.running.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${body.key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "fast",
      stream: true,
      messages: [{ role: "user", content: "hello" }],
    }),
  });
  await answer.text();
  expect(answer.headers.get("x-litellm-response-cost")).toBeNull();
  expect(answer.headers.get("x-litellm-model-id")).toBe("up/gpt-4o-mini");
});

test("attempts at the same model are retries, at others fallbacks", async () => {
  ground = await startLitellm({
    compat: { litellm: true },
    retry: { retries: 1 },
    models: { fast: { deployments: ["up/gpt-4o"], fallbacks: ["up/gpt-4o-mini"] } },
  });
  const { body } = await ground.ask("POST", "/key/generate", { body: {} });
  ground.upstream.script([
    { kind: "html", status: 503 },
    { kind: "html", status: 503 },
  ]);
  const { status, headers } = await ground.chat(body.key);
  expect(status).toBe(200);
  expect(headers.get("x-litellm-attempted-retries")).toBe("1");
  expect(headers.get("x-litellm-attempted-fallbacks")).toBe("1");
  expect(headers.get("x-litellm-model-id")).toBe("up/gpt-4o-mini");
});

test("health is LiteLLM's for who may know it, and the gateway's for everybody else", async () => {
  ground = await startLitellm({ compat: { litellm: true } });
  expect((await ground.ask("GET", "/health", { key: null })).body).toEqual({ status: "ok" });
  const { body } = await ground.ask("GET", "/health", { key: adminKey });
  expect(body).toEqual({
    healthy_endpoints: [
      expect.objectContaining({ model: expect.stringContaining("up/gpt-4o-mini") }),
    ],
    unhealthy_endpoints: [],
    healthy_count: 1,
    unhealthy_count: 0,
  });
  const { body: made } = await ground.ask("POST", "/key/generate", { body: {} });
  expect((await ground.ask("GET", "/health", { key: made.key })).status).toBe(403);
});
