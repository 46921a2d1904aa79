// Alerts as they are written, as they are read, and as they are shown.
import { expect, test } from "bun:test";
import { configFromObject } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problems.ts";
import { redact } from "../../../src/config/redact.ts";
import { providers } from "../../../src/providers/index.ts";

const secret = "a-webhook-secret-of-enough-characters";
const url = "https://hooks.example.com/services/T0/B0/never-print?token=hidden";
const parse = (object: Record<string, unknown>) =>
  configFromObject(object, { env: { EMPTY: "" }, presets: providers }).config;

test("without a word there is no webhook, and budgets alert at 80 % and 100 %", () => {
  const config = parse({
    keys: {
      a: { key: "key-of-a-0123456789abc", budget: 10 },
      b: { key: "key-of-b-0123456789abc", budget: { amount: 5, alert_at: ["50%", 0.9] } },
      c: { key: "key-of-c-0123456789abc", budget: { amount: 5, alert_at: [] } },
    },
    providers: { demo: {} },
  });
  expect(config.alerts.webhook).toBeNull();
  expect(config.rules.budgets.map(({ thresholds }) => thresholds)).toEqual([
    [0.8, 1],
    [0.5, 0.9],
    [],
  ]);
});

test("a webhook is read; its address and its secret are shown nowhere", () => {
  const config = parse({ alerts: { webhook: { url, secret } }, providers: { demo: {} } });
  expect(config.alerts.webhook?.url.reveal()).toBe(url);
  expect(config.alerts.webhook?.place).toBe("https://hooks.example.com");
  expect(config.alerts.webhook?.secret.reveal()).toBe(secret);
  expect(redact(config)["alerts"]).toEqual({ webhook: "https://hooks.example.com/***" });
  const shown = `${JSON.stringify(redact(config))} ${JSON.stringify(config)} ${Bun.inspect(config)}`;
  for (const hidden of [secret, "never-print", "token=hidden"]) expect(shown).not.toContain(hidden);
});

test.each([
  ["S25: an empty secret", { url, secret: "" }],
  ["S25: a variable that is empty", { url, secret: "${EMPTY}" }],
  ["S25: no secret", { url }],
  ["a short secret", { url, secret: "short" }],
  ["S25: a secret whose base64 is empty", { url, secret: `whsec_${"!".repeat(40)}` }],
  ["another scheme", { url: "ftp://hooks.example.com/x", secret }],
  ["no address", { url: "hooks", secret }],
  ["credentials in the address", { url: "https://me:pw@hooks.example.com/", secret }],
  ["a fragment", { url: "https://hooks.example.com/#x", secret }],
])("%s is refused", (_what, webhook) => {
  expect(() => parse({ alerts: { webhook }, providers: { demo: {} } })).toThrow(ConfigError);
});

test.each([["0%"], [1.5], ["80"], ["most"]])("`alert_at: [%p]` is refused", (share) => {
  const budget = { amount: 5, alert_at: [share] };
  expect(() => parse({ budgets: { gateway: budget }, providers: { demo: {} } })).toThrow(
    ConfigError,
  );
});
