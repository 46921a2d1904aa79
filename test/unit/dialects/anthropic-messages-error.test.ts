// Errors of Anthropic upstreams, and the wire's own error shape.
import { describe, expect, test } from "bun:test";
import { anthropicMessages } from "../../../src/dialects/anthropic-messages/index.ts";
import { type ErrorCode, errorTable, GatewayError } from "../../../src/ir/error.ts";

const native = (type: string, message: string): string =>
  JSON.stringify({ type: "error", error: { type, message }, request_id: "req_a" });
const decode = (status: number, body: string, headers: Record<string, string> = {}): GatewayError =>
  anthropicMessages.error.decode(status, new Headers(headers), body);

describe("classification", () => {
  const cases: [number, string, ErrorCode, number, string | undefined][] = [
    [400, native("invalid_request_error", "messages.0: bad"), "upstream_rejected", 400, undefined],
    [
      400,
      native("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
      "upstream_rejected",
      400,
      "context_length_exceeded",
    ],
    [
      400,
      native("invalid_request_error", "input length and `max_tokens` exceed context limit"),
      "upstream_rejected",
      400,
      "context_length_exceeded",
    ],
    [
      400,
      native("invalid_request_error", "Output blocked by content filtering policy"),
      "upstream_rejected",
      400,
      "content_policy",
    ],
    // R25: money is the operator's business, whatever the status.
    [
      400,
      native(
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API.",
      ),
      "upstream_auth",
      502,
      undefined,
    ],
    [
      400,
      native("invalid_request_error", "You have reached your specified API usage limits."),
      "upstream_auth",
      502,
      undefined,
    ],
    [402, native("billing_error", "pay"), "upstream_auth", 502, undefined],
    [
      401,
      native("authentication_error", "invalid x-api-key sk-ant-abc"),
      "upstream_auth",
      502,
      undefined,
    ],
    [403, native("permission_error", "no"), "upstream_auth", 502, undefined],
    [404, native("not_found_error", "model: nope"), "upstream_rejected", 404, undefined],
    [413, native("request_too_large", "big"), "upstream_rejected", 413, undefined],
    [429, native("rate_limit_error", "slow down"), "upstream_rate_limited", 429, undefined],
    [408, "", "upstream_timeout", 504, undefined],
    [504, "", "upstream_timeout", 504, undefined],
    [500, native("api_error", "oops"), "upstream_unavailable", 502, undefined],
    [529, native("overloaded_error", "Overloaded"), "upstream_unavailable", 502, undefined],
    [503, "<html><body>internal-host.corp</body></html>", "upstream_unavailable", 502, undefined],
    [302, "", "upstream_invalid", 502, undefined],
  ];
  test.each(cases)("%d %s", (status, body, code, shown, kind) => {
    const error = decode(status, body);
    expect(error.code).toBe(code);
    expect(error.status).toBe(shown);
    expect(error.upstream?.code).toBe(kind as never);
    expect(error.upstream?.status).toBe(status);
    expect(error.upstream?.body).toBe(body);
  });

  test("the provider's words, type and request id are kept", () => {
    const error = decode(400, native("invalid_request_error", "messages.0: bad"));
    expect(error.message).toBe("messages.0: bad");
    expect(error.upstream).toMatchObject({ type: "invalid_request_error", requestId: "req_a" });
  });

  test("R26: retry-after in every form", () => {
    expect(decode(429, "", { "retry-after": "3" }).retryAfterMs).toBe(3000);
    expect(decode(429, "", { "retry-after-ms": "1500" }).retryAfterMs).toBe(1500);
    expect(decode(529, "", { "retry-after": "soon" }).retryAfterMs).toBeUndefined();
  });

  test.each([
    ["", "without saying why"],
    ["<html>internal-host.corp</html>", "without saying why"],
    ["Traceback:\n at host-7", "without saying why"],
    ["null", "without saying why"],
    ["[1]", "without saying why"],
    ['{"error":"plain words"}', "plain words"],
    ['{"message":"from a proxy"}', "from a proxy"],
    ['{"detail":"from another"}', "from another"],
    ["upstream connect error to host-7", "without saying why"],
    ['{"error":{"message":"key sk-ant-REDACTED is bad"}}', "*** is bad"],
  ])("S36: of %j a client sees no more than it may", (body, words) => {
    const error = decode(500, body);
    expect(error.message).toContain(words);
    expect(anthropicMessages.error.encode(error, "r")).not.toContain("host");
  });
});

test.each([
  ["unauthenticated", "authentication_error"],
  ["forbidden", "permission_error"],
  ["budget_exceeded", "billing_error"],
  ["model_not_found", "not_found_error"],
  ["too_large", "request_too_large"],
  ["rate_limited", "rate_limit_error"],
  ["upstream_rate_limited", "rate_limit_error"],
  ["upstream_timeout", "timeout_error"],
  ["unavailable", "overloaded_error"],
  ["no_route", "api_error"],
  ["internal", "api_error"],
  ["invalid_request", "invalid_request_error"],
] as [ErrorCode, string][])("%s is shown as %s", (code, type) => {
  const body = anthropicMessages.error.encode(new GatewayError(code, "words"), "req_1");
  expect(JSON.parse(body)).toEqual({
    type: "error",
    error: { type, message: "words" },
    request_id: "req_1",
  });
});

test("every error there is has a shape", () => {
  for (const code of Object.keys(errorTable) as ErrorCode[]) {
    const body = JSON.parse(anthropicMessages.error.encode(new GatewayError(code, "w"), "r"));
    expect(body.error.type).toMatch(/^[a-z_]+$/);
  }
});

test.each([
  [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    /^prompt is too long: 9000 tokens > 8192 maximum\. This model's maximum/,
  ],
  [
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion).",
    /^prompt is too long: 5000 tokens > 4096 maximum\. /,
  ],
  ["Your input exceeds the context window of this model.", /^prompt is too long: Your input/],
  ["prompt is too long: 9 tokens > 8 maximum", /^prompt is too long: 9 tokens > 8 maximum$/],
])("another wire's full context window is told in this one's words: %s", (message, expected) => {
  const error = new GatewayError("upstream_rejected", message, {
    upstream: { status: 400, code: "context_length_exceeded" },
  });
  const body = JSON.parse(anthropicMessages.error.encode(error, "r"));
  expect(body.error.type).toBe("invalid_request_error");
  expect(body.error.message).toMatch(expected);
});
