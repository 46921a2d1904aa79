// Vendors' SDKs over HTTP to the executable: answers and tools, streamed and not, and every kind of failure.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type Daemon, startDaemon } from "../support/daemon.ts";
import { sdks } from "../support/sdks/all.ts";
import { type Question, statusOf, wordsOf } from "../support/sdks/sdk.ts";
import { responsesSdk } from "../support/sdks/vendors.ts";
import { startOpenAiUpstream } from "../support/upstream/openai.ts";
import type { Upstream } from "../support/upstream/upstream.ts";

const gatewayKey = "canary-key-of-the-gateway-0123456789";
const upstreamKey = "canary-key-of-the-provider-0123456789";
const model = "up/gpt-4o";

let upstream: Upstream;
let daemon: Daemon;
beforeAll(async () => {
  upstream = await startOpenAiUpstream({ key: upstreamKey });
  const providers = {
    up: { type: "openai-compatible", base_url: upstream.baseUrl, api_key: upstreamKey },
  };
  // JSON is YAML too.
  const config = JSON.stringify({ keys: { sdk: gatewayKey }, providers });
  daemon = await startDaemon({ config, args: ["--log-level", "debug"] });
});
afterAll(async () => {
  await Promise.all([daemon.dispose(), upstream.stop()]);
});
afterEach(() => upstream.reset());

/** What a call throws. */
async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

describe.each(sdks)("$name", ({ connect }) => {
  const ask = (more: Partial<Question> & { stream: boolean }, key = gatewayKey) =>
    connect(daemon.url, key).ask({ model, prompt: "Grüße 👋", ...more });

  describe.each([false, true])("streamed: %p", (stream) => {
    test("an answer, whole, with what it cost", async () => {
      const { text, calls, inputTokens, outputTokens } = await ask({ stream });
      expect([text, calls]).toEqual(["Grüße 👋", []]);
      const bill = upstream.bill.total();
      expect([inputTokens, outputTokens]).toEqual([bill.inputTokens, bill.outputTokens]);
    });

    test("a call of a tool", async () => {
      const args = { city: 'Zürich "ZH"' };
      upstream.script({ kind: "tool-calls", calls: [{ name: "weather", args }] });
      const { calls } = await ask({ stream, tool: true });
      expect(calls).toEqual([{ name: "weather", args }]);
    });

    test("a key that is not known: 401", async () => {
      const thrown = await thrownBy(ask({ stream }, "wrong-key"));
      expect(statusOf(thrown)).toBe(401);
      expect(wordsOf(thrown)).toContain("The API key is not known here.");
      expect(wordsOf(thrown)).not.toContain("wrong-key");
      expect(upstream.requests).toEqual([]);
    });

    test("a model that is not there: 404", async () => {
      const thrown = await thrownBy(ask({ stream, model: "nobody/knows-it" }));
      expect(statusOf(thrown)).toBe(404);
      expect(wordsOf(thrown)).toContain("nobody/knows-it");
    });

    test.each([
      [400, [400], "Invalid 'messages'."],
      [429, [429], "Slow down."],
      // Each vendor has its own among them, for a server that has troubles.
      [500, [500, 502, 503], "It broke."],
    ])("%d of the provider's is told as one of %j", async (status, told, message) => {
      upstream.script({ kind: "error", status, type: "an_error", message });
      const thrown = await thrownBy(ask({ stream }));
      expect(told).toContain(statusOf(thrown) ?? 0);
      expect(wordsOf(thrown)).toContain(message);
      expect(wordsOf(thrown)).not.toContain(upstreamKey);
    });
  });

  test.each(["half-stream", "cut", "error-in-stream"] as const)(
    "%s: half an answer is not taken for a whole one",
    async (kind) => {
      const answer = { kind: "text", text: "All seven words of the answer came." } as const;
      upstream.script({ kind, afterFrames: 5, answer });
      const thrown = await thrownBy(ask({ stream: true }));
      expect(thrown).toBeInstanceOf(Error);
      expect(wordsOf(thrown)).not.toContain("nothing was thrown");
    },
  );
});

test("no key stands in the log, the ledger or a request to the provider", async () => {
  upstream.script({ kind: "error", status: 401, type: "x", message: `Wrong key ${upstreamKey}.` });
  const thrown = await thrownBy(
    responsesSdk.connect(daemon.url, gatewayKey).ask({ model, prompt: "x", stream: false }),
  );
  expect(wordsOf(thrown)).not.toContain(upstreamKey);
  await Bun.sleep(300);
  const answer = await fetch(`${daemon.url}/admin/requests?limit=500`, {
    headers: { authorization: `Bearer ${daemon.adminKey}` },
  });
  const rows = await answer.text();
  expect(rows).toContain('"status"');
  for (const secret of [gatewayKey, upstreamKey, "wrong-key"]) {
    expect(rows).not.toContain(secret);
    expect(daemon.output()).not.toContain(secret);
  }
  for (const { headers, query } of upstream.requests) {
    expect(JSON.stringify(headers) + query).not.toContain(gatewayKey);
  }
});
