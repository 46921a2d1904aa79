// Failures of the upstream as each SDK's own error classes.
import { expect } from "bun:test";
import { type FailureKind, readFailure } from "../../support/pairs/failures.ts";
import { type Scene, scenes } from "../../support/pairs/scenes.ts";
import type { Stage } from "../../support/pairs/stage.ts";
import type { UpstreamName } from "../../support/pairs/conversation.ts";
import type { Scenario } from "../../support/upstream/upstream.ts";

interface Case {
  name: string;
  /** The upstream's status and its own type. */
  upstream: Record<UpstreamName, { status: number; type: string; code?: string }>;
  retryAfter?: number;
  kind: FailureKind;
  status: number;
  /** The upstream's wording reaches the client. */
  told: boolean;
}

const same = (status: number, openai: string, anthropic: string, code?: string) => ({
  openai: { status, type: openai, ...(code === undefined ? {} : { code }) },
  anthropic: { status, type: anthropic },
});

const cases: Case[] = [
  {
    name: "error 400",
    upstream: same(400, "invalid_request_error", "invalid_request_error", "invalid_value"),
    kind: "bad-request",
    status: 400,
    told: true,
  },
  {
    // The gateway's own key: nothing the caller could mend, and no wording that repeats the key.
    name: "error 401",
    upstream: same(401, "invalid_request_error", "authentication_error", "invalid_api_key"),
    kind: "server",
    status: 502,
    told: false,
  },
  {
    name: "error 404",
    upstream: same(404, "invalid_request_error", "not_found_error", "model_not_found"),
    kind: "not-found",
    status: 404,
    told: true,
  },
  {
    name: "error 429",
    upstream: same(429, "rate_limit_exceeded", "rate_limit_error", "rate_limit_exceeded"),
    retryAfter: 7,
    kind: "rate-limit",
    status: 429,
    told: true,
  },
  {
    name: "error 500",
    upstream: same(500, "server_error", "api_error"),
    kind: "server",
    status: 502,
    told: true,
  },
  {
    name: "error 529 or 503",
    upstream: {
      openai: { status: 503, type: "service_unavailable" },
      anthropic: { status: 529, type: "overloaded_error" },
    },
    kind: "server",
    status: 502,
    told: true,
  },
];

export function errorScenes(stage: () => Stage): void {
  for (const { name, upstream: said, retryAfter, kind, status, told } of cases) {
    scenes(name, stage, async (scene) => {
      const message = `These are the words of ${name}.`;
      const failure = await fail(scene, {
        kind: "error",
        message,
        ...said[scene.upstream],
        ...(retryAfter === undefined ? {} : { retryAfter }),
      });
      expect(failure).toMatchObject({ kind, status });
      expect(failure.message.includes(message)).toBe(told);
      if (retryAfter !== undefined) expect(failure.retryAfter).toBe(String(retryAfter));
    });
  }

  scenes("error before any content", stage, async (scene) => {
    const failure = await fail(scene, {
      kind: "error-in-stream",
      afterFrames: 1,
      message: "Broken at once.",
      ...(scene.upstream === "openai" ? { type: "server_error" } : { type: "overloaded_error" }),
    });
    // Nothing was shown yet, so even a stream gets a proper status.
    expect(failure.kind).toBe("server");
    expect(failure.message).toContain("Broken at once.");
  });

  scenes(
    "error in mid-stream",
    stage,
    async (scene) => {
      const failure = await fail(scene, {
        kind: "error-in-stream",
        afterFrames: 6,
        pauseMs: 150,
        message: "Broken in the middle.",
        answer: { kind: "text", text: "one two three four five six seven eight nine ten" },
        ...(scene.upstream === "openai" ? { type: "server_error" } : { type: "overloaded_error" }),
      });
      expect(failure.kind).toBe("in-stream");
      expect(failure.message).toContain("Broken in the middle.");
    },
    { streams: [true] },
  );

  scenes("connection lost", stage, async (scene) => {
    const failure = await fail(scene, {
      kind: "cut",
      afterFrames: 6,
      pauseMs: 150,
      answer: { kind: "text", text: "one two three four five six seven eight nine ten" },
    });
    expect(failure.kind).toBe(scene.stream ? "in-stream" : "server");
  });

  scenes(
    "end without its last events",
    stage,
    async (scene) => {
      const failure = await fail(scene, {
        kind: "half-stream",
        afterFrames: 6,
        pauseMs: 150,
        answer: { kind: "text", text: "one two three four five six seven eight nine ten" },
      });
      expect(failure.kind).toBe("in-stream");
    },
    { streams: [true] },
  );

  scenes("page instead of an answer", stage, async (scene) => {
    const failure = await fail(scene, { kind: "html" });
    expect(failure).toMatchObject({ kind: "server", status: 502 });
    expect(failure.body).not.toContain("nginx");
  });

  scenes("fragments of one byte", stage, async (scene) => {
    const { upstreams } = scene.stage;
    upstreams[scene.upstream].script({
      kind: "drip",
      answer: { kind: "text", text: "naïve — 🙂 done" },
    });
    const { reply } = await scene.ask({ messages: [{ role: "user", text: "hello" }] });
    expect(reply.text).toBe("naïve — 🙂 done");
  });
}

async function fail(scene: Scene, scenario: Scenario) {
  const { stage, client, upstream } = scene;
  stage.upstreams[upstream].script(scenario);
  const before = stage.exchanges.length;
  const thrown = await scene.ask({ messages: [{ role: "user", text: "hello" }] }).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown === undefined) throw new Error("the call did not fail");
  expect(stage.exchanges.length).toBe(before + 1);
  expect(stage.exchanges.at(-1)?.sent).toHaveLength(1);
  return readFailure(client.name, thrown);
}
