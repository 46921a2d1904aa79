// `server.trusted_proxies`: addresses and blocks, and nothing else. (S26)
import { expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { providers } from "../../../src/providers/index.ts";

const proxiesOf = (written: unknown): readonly string[] | string => {
  try {
    const text = JSON.stringify({ server: { trusted_proxies: written } });
    return parseConfig(text, { env: {}, presets: providers }).config.server.trustedProxies;
  } catch (error) {
    return error instanceof ConfigError ? (error.problems[0]?.message ?? "") : String(error);
  }
};

test("S26 nobody is trusted unless it says who", () => {
  expect(parseConfig("{}", { env: {}, presets: providers }).config.server.trustedProxies).toEqual(
    [],
  );
  const good = ["10.0.0.0/8", "::1", "192.0.2.7", "2001:db8::/32", "::ffff:10.0.0.1"];
  expect(proxiesOf(good)).toEqual(good);
});

test.each([
  "proxy.internal",
  "*",
  "",
  "10.0.0.0/33",
  "10.0.0",
  "fe80::1%eth0",
  "10.0.0.1, 10.0.0.2",
  "loopback",
])("S26 %j is no proxy's address", (written) => {
  expect(proxiesOf([written])).toContain("is no address and no CIDR block");
});
