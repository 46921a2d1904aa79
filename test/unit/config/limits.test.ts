// Concurrency limits and the queue, as they are written and as they are read.
import { expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { providers } from "../../../src/providers/index.ts";

const parse = (object: Record<string, unknown>) =>
  configFromObject(object, { env: {}, presets: providers }).config;

const openai = { api_key: "sk-0123456789abcdef" };

test("nothing is limited, and the queue is there for the first limit", () => {
  const config = parse({ providers: { openai }, models: { m: "openai/gpt-4o" } });
  expect(config.queue).toEqual({ max: 1000, maxWaitMs: 10_000 });
  expect(config.server.maxConcurrent).toBeUndefined();
  expect(config.providers[0]?.maxConcurrent).toBeUndefined();
  expect(config.routes.get("m")?.deployments[0]).not.toHaveProperty("maxConcurrent");
});

test("each limit arrives where it holds", () => {
  const config = parse({
    server: { max_concurrent: "500" },
    queue: { max: 0, max_wait: "2s" },
    keys: { batch: { key: "key-of-batch-0123456789", priority: 0 } },
    providers: { openai: { ...openai, max_concurrent: 50 } },
    models: { m: { deployments: [{ model: "openai/gpt-4o", max_concurrent: 4 }] } },
  });
  expect(config.server.maxConcurrent).toBe(500);
  expect(config.queue).toEqual({ max: 0, maxWaitMs: 2_000 });
  expect(config.keys[0]?.priority).toBe(0);
  expect(config.providers[0]?.maxConcurrent).toBe(50);
  expect(config.routes.get("m")?.deployments[0]).toMatchObject({ maxConcurrent: 4 });
});

test.each([
  { server: { max_concurrent: 0 } },
  { providers: { openai: { ...openai, max_concurrent: -1 } } },
  { queue: { max: "many" } },
  { queue: { max_wait: "soon" } },
  { keys: { a: { key: "key-of-batch-0123456789", priority: 10 } } },
])("%j is refused", (object) => {
  expect(() => parse(object)).toThrow(ConfigError);
});
