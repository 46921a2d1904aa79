// Allowed addresses of keys behind proxies, over real connections. (S26)
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";
import { makeKey } from "../support/virtual-keys.ts";

let upstream: Upstream;
let gateway: InProcess;
let direct = "";
let behind = "";
let key = "";

beforeAll(async () => {
  upstream = await startOpenAiUpstream();
  gateway = await startInProcess({
    providers: {
      up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstream.key },
    },
    server: { require_key: "always" },
  });
  direct = (await gateway.listen()).urls[0] ?? "";
  behind = (await gateway.listen({ trustedProxies: ["127.0.0.0/8"] })).urls[0] ?? "";
  ({ key } = await makeKey(gateway, { allowed_ips: ["192.0.2.0/24", "2001:db8::/32"] }));
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

const places = [
  ["GET", "/v1/models"],
  ["GET", "/api/tags"],
  ["POST", "/v1/chat/completions"],
  ["POST", "/v1/images/generations"],
  ["POST", "/v1/feedback"],
  ["GET", "/providers/up/v1/anything"],
  ["GET", "/admin/v1/keys"],
] as const;

async function statuses(origin: string, headers: Record<string, string>): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [method, path] of places) {
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      ...(method === "POST" && { body: "{}" }),
    });
    const text = await answer.text();
    found.add(answer.status === 403 && text.includes("from this address") ? "refused" : "let in");
  }
  const upgrade = await fetch(`${origin}/v1/realtime?model=nobody`, {
    headers: {
      authorization: `Bearer ${key}`,
      upgrade: "websocket",
      connection: "upgrade",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
      ...headers,
    },
  });
  found.add(upgrade.status === 403 ? "refused" : "let in");
  return found;
}

test("S26 a spoofed header from a peer that is no proxy is not believed, at any door", async () => {
  for (const headers of [
    {},
    { "x-forwarded-for": "192.0.2.1" },
    { forwarded: "for=192.0.2.1" },
    { "x-forwarded-for": "192.0.2.1", forwarded: "for=192.0.2.1", "x-real-ip": "192.0.2.1" },
  ]) {
    expect(await statuses(direct, headers as Record<string, string>)).toEqual(new Set(["refused"]));
  }
});

test.each([
  ["192.0.2.1", "let in"],
  ["198.51.100.1", "refused"],
  ["192.0.2.1, 198.51.100.1", "refused"],
  ["198.51.100.1, 192.0.2.1", "let in"],
  ["192.0.2.1, 127.0.0.9", "let in"],
  ["::ffff:192.0.2.1", "let in"],
  ["::ffff:c000:0201", "let in"],
  ["0:0:0:0:0:ffff:c000:201", "let in"],
  ["2001:0DB8:0:0::1", "let in"],
  ["2001:db9::1", "refused"],
  ["unknown", "refused"],
  ["", "refused"],
])("S26 behind a trusted proxy that says %j: %s", async (forwarded, expected) => {
  expect(await statuses(behind, { "x-forwarded-for": forwarded })).toEqual(new Set([expected]));
});
