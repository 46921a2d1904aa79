// Where the ledger is, as it is written, as it is read, and as it is shown.
import { expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { providers } from "../../../src/providers/index.ts";

const secret = "hunter2-never-print";
const parse = (object: Record<string, unknown>) =>
  configFromObject(object, { env: { LEDGER_PASSWORD: secret }, presets: providers }).config;

test("without a word it is a file", () => {
  const config = parse({ providers: { demo: {} } });
  expect(config.store).toBeNull();
  expect(redact(config)["store"]).toBe("sqlite");
});

test("a database: its password comes from the environment and is shown nowhere", () => {
  const store = "postgres://me:${LEDGER_PASSWORD}@db.example.com/ledger?sslmode=verify-full";
  const config = parse({ store, providers: { demo: {} } });
  expect(config.store?.url.reveal()).toBe(store.replace("${LEDGER_PASSWORD}", secret));
  expect(config.store?.place).toBe("db.example.com:5432/ledger");
  expect(redact(config)["store"]).toBe("postgres://***@db.example.com:5432/ledger");
  expect(`${JSON.stringify(config)} ${Bun.inspect(config)}`).not.toContain(secret);
});

test.each([
  "megallm.db",
  "mysql://me@db/ledger",
  "postgres://me@db",
  "postgres://me:${LEDGER_PASSWORD}/x@db/ledger",
  "postgres://me:${LEDGER_PASSWORD}@db/ledger?sslmode=maybe",
  "postgres://me:${LEDGER_PASSWORD}@db/ledger?pool_size=1",
  "postgres://me:${NOT_SET}@db/ledger",
  7,
])("%j is refused, and not repeated", (store) => {
  const refused = ((): unknown => {
    try {
      return parse({ store, providers: { demo: {} } });
    } catch (error) {
      return error;
    }
  })();
  expect(refused).toBeInstanceOf(ConfigError);
  const problems = (refused as ConfigError).problems;
  expect(problems.map(({ path }) => path)).toEqual(["store"]);
  expect(JSON.stringify(problems)).not.toContain(secret);
});
