// What an upstream's error means is the same on every wire.
import { describe, expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import { upstreamError } from "../../../src/dialects/upstream-error.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import type { ErrorCode, GatewayError } from "../../../src/ir/error.ts";

const every = Object.keys(dialects) as DialectId[];

describe.each(every)("R24 R25 an error answer on %s", (id) => {
  const decode = (status: number, type: string, message: string): GatewayError =>
    dialects[id].error.decode(
      status,
      new Headers({ "x-request-id": "req_1", "retry-after": "2" }),
      JSON.stringify({ type: "error", error: { type, message } }),
    );
  test.each([
    [400, "invalid_request_error", "Your credit balance is too low", "upstream_auth", undefined],
    [400, "invalid_request_error", "Workspace usage limits apply", "upstream_auth", undefined],
    [429, "insufficient_quota", "You exceeded your quota", "upstream_auth", undefined],
    [429, "rate_limit_error", "See usage limits per minute", "upstream_rate_limited", undefined],
    [403, "permission_error", "no", "upstream_auth", undefined],
    [403, "x", "Your input was flagged", "upstream_rejected", "content_policy"],
    [400, "x", "Output blocked by content filtering policy", "upstream_rejected", "content_policy"],
    [400, "x", "This violates our usage policies", "upstream_rejected", "content_policy"],
    [400, "x", "prompt is too long: 2 > 1", "upstream_rejected", "context_length_exceeded"],
    [400, "x", "Reduce the length of it", "upstream_rejected", "context_length_exceeded"],
    [400, "x", "It exceeds the context limit", "upstream_rejected", "context_length_exceeded"],
    [400, "invalid_request_error", "n: bad", "upstream_rejected", undefined],
    [524, "x", "slow", "upstream_timeout", undefined],
    [529, "overloaded_error", "Overloaded", "upstream_unavailable", undefined],
    [302, "x", "moved", "upstream_invalid", undefined],
  ] as [number, string, string, ErrorCode, string | undefined][])(
    "%d %s: %s",
    (status, type, message, code, kind) => {
      const error = decode(status, type, message);
      expect(error.code).toBe(code);
      expect(error.upstream?.code).toBe(kind);
      expect(error.retryAfterMs).toBe(2000);
      expect(error.upstream).toMatchObject({ status, type, requestId: "req_1" });
    },
  );

  test("S36 words of a page or a proxy, and keys, are not shown", () => {
    const { error } = dialects[id];
    const words = (status: number, body: string): string =>
      error.decode(status, new Headers(), body).message;
    expect(words(400, "bad value at n")).toBe("bad value at n");
    expect(words(502, "cannot reach host-7")).toBe(
      "The provider answered status 502 without saying why.",
    );
    expect(words(400, "<p>host-7</p>")).not.toContain("host-7");
    expect(words(400, '{"error":{"message":"sk-abcdefghijklmnop is bad"}}')).toBe("*** is bad");
  });
});

test("an error within a 200 is known by its words", () => {
  const codeOf = (type: string, message = ""): string =>
    upstreamError({ type, message }, { status: 200, body: "{}" }).code;
  expect(codeOf("authentication_error")).toBe("upstream_auth");
  expect(codeOf("rate_limit_exceeded")).toBe("upstream_rate_limited");
  expect(codeOf("insufficient_quota")).toBe("upstream_auth");
  expect(codeOf("invalid_request_error")).toBe("upstream_rejected");
  expect(codeOf("", "The server is overloaded")).toBe("upstream_unavailable");
  expect(codeOf("", "prompt is too long")).toBe("upstream_rejected");
  expect(codeOf("")).toBe("upstream_unavailable");
});

test("the log keeps no more of a body than it can use", () => {
  const error = upstreamError({}, { status: 500, body: "x".repeat(100_000) });
  expect(error.upstream?.body).toHaveLength(16_384);
});
