// Warnings tell of the answer that was given, not of deployments that failed before it.
import { afterAll, expect, test } from "bun:test";
import { createGateway } from "../../src/index.ts";

const broken = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: () =>
    Response.json(
      { type: "error", error: { type: "api_error", message: "down" } },
      { status: 500 },
    ),
});
afterAll(() => broken.stop(true));

test("a fallback's answer has the fallback's warnings only", async () => {
  const gateway = createGateway({
    logLevel: "error",
    config: {
      providers: {
        demo: {},
        down: {
          type: "anthropic-compatible",
          base_url: broken.url.href.replace(/\/$/, ""),
          api_key: "k",
        },
      },
      models: { both: { deployments: ["down/m"], fallbacks: ["demo/fixed:fine"] } },
    },
  });
  const ask = (model: string): Promise<Response> =>
    gateway.fetch("http://megallm/v1/chat/completions", {
      method: "POST",
      // Anthropic's wire has no seed: the first attempt loses it, the second does not.
      body: JSON.stringify({ model, seed: 7, messages: [{ role: "user", content: "x" }] }),
    });
  const alone = await ask("down/m");
  expect(alone.headers.get("x-megallm-warnings")).toContain("seed");
  const answer = await ask("both");
  expect(answer.headers.get("x-megallm-attempts")).toBe("2");
  expect(await answer.text()).toContain("fine");
  expect(answer.headers.get("x-megallm-warnings")).toBeNull();
  await gateway.close();
});
