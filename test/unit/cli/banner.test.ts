// The start banner: few lines, and the two to paste really work.
import { expect, test } from "bun:test";
import { banner } from "../../../src/cli/banner.ts";
import { configFromObject } from "../../../src/config/load.ts";
import { providers } from "../../../src/providers/index.ts";

const urls = ["http://127.0.0.1:6342", "http://[::1]:6342"];

function render(config: Record<string, unknown>, at: readonly string[] = urls): string {
  const env = { HOME: "/home/someone" };
  const loaded = configFromObject(config, { env, presets: providers });
  return banner({ config: loaded.config, path: null, urls: at, hint: null });
}

const lineOf = (text: string, title: string): string =>
  text.split("\n").find((line) => line.trimStart().startsWith(title)) ?? "";

test("facts fit 80 columns; the two lines to paste are one line each", () => {
  const text = render({ discover: { local: true } });
  const [facts = "", toPaste = ""] = text.trim().split("\n\n");
  expect(facts.split("\n").length).toBeLessThanOrEqual(9);
  for (const line of facts.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  expect(toPaste.split("\n").length).toBe(2);
  expect(lineOf(text, "try")).toContain(`curl ${urls[0]}/v1/chat/completions -H`);
  expect(lineOf(text, "SDK")).toContain(`export OPENAI_BASE_URL=${urls[0]}/v1`);
});

test("both lines say where a key is needed", () => {
  const text = render({ keys: { app: "0123456789abcdefg" }, providers: { demo: {} } });
  expect(lineOf(text, "try")).toContain("-H 'authorization: Bearer YOUR_KEY'");
  expect(lineOf(text, "SDK")).toContain("OPENAI_API_KEY=YOUR_KEY");
  expect(lineOf(text, "SDK")).toContain("ANTHROPIC_API_KEY=YOUR_KEY");
});

test("an address of every interface is tried on this machine", () => {
  const config = { server: { host: "0.0.0.0" }, keys: { app: "0123456789abcdefg" } };
  const text = render(config, ["http://0.0.0.0:80"]);
  expect(lineOf(text, "listening")).toContain("http://0.0.0.0:80");
  expect(lineOf(text, "try")).toContain("curl http://127.0.0.1:80/");
});

test("the brackets of an IPv6 address are quoted", () => {
  const text = render({}, ["http://[::1]:6342"]);
  expect(lineOf(text, "try")).toContain("curl 'http://[::1]:6342/v1/chat/completions'");
});

test("the model to try is one that answers here", () => {
  const openai = { type: "openai-compatible", base_url: "http://10.0.0.5/v1", api_key: "k" };
  const providersOnly = { providers: { demo: { enabled: false }, mine: openai } };
  expect(lineOf(render(providersOnly), "try")).toContain('"model":"mine/MODEL"');
  const routed = { ...providersOnly, models: { "it's": "mine/x" } };
  expect(lineOf(render(routed), "try")).toContain(`"model":"it'\\''s"`);
  const renamed = { providers: { toy: { type: "demo" } } };
  expect(lineOf(render(renamed), "try")).toMatch(/"model":"(?:demo|toy)\/echo"/);
});

test("of many providers the first are named", () => {
  const mine = { type: "openai-compatible", base_url: "http://10.0.0.5/v1", api_key: "k" };
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`p${index}`, mine]));
  expect(lineOf(render({ providers: many }), "providers")).toMatch(/p0, p1, .* and \d+ more$/);
});
