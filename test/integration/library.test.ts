// The library: `createGateway` as the `fetch` of SDKs, and the example that shows it.
import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import OpenAI from "openai";
import { createGateway, type Gateway } from "../../src/index.ts";

let gateway: Gateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

const client = (of: Gateway): OpenAI =>
  new OpenAI({ apiKey: "unused", baseURL: "http://megallm/v1", fetch: of.fetch, maxRetries: 0 });

const say = async (of: Gateway, model: string): Promise<string | null | undefined> => {
  const completion = await client(of).chat.completions.create({
    model,
    messages: [{ role: "user", content: "hi" }],
  });
  return completion.choices[0]?.message.content;
};

describe("createGateway", () => {
  test("serves a configuration object", async () => {
    gateway = createGateway({
      config: { providers: { demo: {} }, models: { a: "demo/fixed:one" } },
    });
    expect(await say(gateway, "a")).toBe("one");
  });

  test("without any configuration it serves what the environment offers", async () => {
    gateway = createGateway({ env: {} });
    expect(await say(gateway, "demo/fixed:free")).toBe("free");
  });

  test("reload swaps the configuration, and keeps the old one when the new one is bad", async () => {
    const config = (text: string): Record<string, unknown> => ({
      providers: { demo: {} },
      models: { a: `demo/fixed:${text}` },
    });
    gateway = createGateway({ config: config("one") });
    expect(await say(gateway, "a")).toBe("one");
    expect(await gateway.reload(config("two"))).toEqual({ applied: true, problems: [] });
    expect(await say(gateway, "a")).toBe("two");
    const refused = await gateway.reload({ modles: {} });
    expect(refused.applied).toBe(false);
    expect(refused.problems.join()).toContain("models");
    expect(await say(gateway, "a")).toBe("two");
    const status = await gateway.status();
    expect(status.config.rejected?.problems.join()).toContain("modles");
  });

  test("a bad configuration throws at once, naming every problem", () => {
    expect(() => createGateway({ config: { modles: {}, providers: { opnai: {} } } })).toThrow(
      /modles[\s\S]*opnai/,
    );
  });
});

test("the example runs as written", async () => {
  const root = join(import.meta.dir, "..", "..");
  const child = Bun.spawn([process.execPath, "examples/in-process.ts"], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect(errors).toBe("");
  expect(code).toBe(0);
  expect(output).toContain("Hello from the OpenAI SDK");
  expect(output).toContain("Hello from the Anthropic SDK");
});
