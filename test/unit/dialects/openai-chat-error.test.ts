// Errors of the openai-chat dialect: any upstream body in, OpenAI's shape out.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { openaiChat } from "../../../src/dialects/openai-chat/index.ts";
import { GatewayError } from "../../../src/ir/error.ts";

const decode = (
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): GatewayError =>
  openaiChat.error.decode(
    status,
    new Headers(headers),
    typeof body === "string" ? body : JSON.stringify(body),
  );

const said = (message: string, fields: Record<string, unknown> = {}) => ({
  error: { message, type: "invalid_request_error", param: null, code: null, ...fields },
});

describe("decoding", () => {
  test.each([
    [400, said("Bad"), "upstream_rejected", 400],
    [401, said("Incorrect API key"), "upstream_auth", 502],
    [402, "", "upstream_auth", 502],
    [403, said("No access"), "upstream_auth", 502],
    [
      404,
      said("The model `x` does not exist", { code: "model_not_found" }),
      "upstream_rejected",
      404,
    ],
    [408, "", "upstream_timeout", 504],
    [413, said("Too large"), "upstream_rejected", 413],
    [422, { detail: [{ loc: ["body", "n"], msg: "not a number" }] }, "upstream_rejected", 422],
    [429, said("Rate limit reached", { type: "tokens" }), "upstream_rate_limited", 429],
    [500, said("Oops", { type: "server_error" }), "upstream_unavailable", 502],
    [503, "", "upstream_unavailable", 502],
    [504, "", "upstream_timeout", 504],
    [529, "", "upstream_unavailable", 502],
    [302, "", "upstream_invalid", 502],
  ] as const)("R24 %d %j is %s", (status, body, code, shown) => {
    expect(decode(status, body)).toMatchObject({ code, status: shown, upstream: { status } });
  });

  test.each([
    [
      429,
      said("You exceeded your current quota", {
        type: "insufficient_quota",
        code: "insufficient_quota",
      }),
    ],
    [400, said("Your credit balance is too low to access the API")],
    [400, said("You have reached your specified API usage limits.")],
    [403, said("Insufficient account balance")],
    [402, { error: { message: "Insufficient credits", code: 402 } }],
    [429, said("x", { type: "exceeded_current_quota_error" })],
    [400, said("x", { code: "billing_hard_limit_reached" })],
  ])("R25 %d %j is the operator's fault, not the caller's", (status, body) => {
    const error = decode(status, body);
    expect(error).toMatchObject({ code: "upstream_auth", cooldown: "long", retryable: true });
    expect(error.message).toContain("operator");
    expect(error.message).not.toContain("balance");
  });

  test("a per-minute quota (Google's words) is a rate limit all the same", () => {
    const body = [
      {
        error: {
          code: 429,
          message: "You exceeded your current quota",
          status: "RESOURCE_EXHAUSTED",
        },
      },
    ];
    expect(decode(429, body).code).toBe("upstream_rate_limited");
  });

  test.each([
    [
      400,
      said("This model's maximum context length is 8192 tokens", {
        code: "context_length_exceeded",
      }),
    ],
    [
      400,
      { object: "error", message: "This model's maximum context length is 4096 tokens", code: 400 },
    ],
    [413, said("prompt is too long: 300000 tokens > 200000 maximum")],
    [400, said("Please reduce the length of the messages")],
  ])("context length is recognisable: %d %j", (status, body) => {
    expect(decode(status, body)).toMatchObject({
      code: "upstream_rejected",
      status,
      upstream: { code: "context_length_exceeded" },
    });
  });

  test.each([
    [400, said("x", { code: "content_filter" })],
    [
      400,
      said("Your request was rejected by our safety system", { code: "content_policy_violation" }),
    ],
    [400, said("x", { code: "data_inspection_failed" })],
    [403, said("Your input was flagged", { code: null })],
  ])("content policy is recognisable: %d %j", (status, body) => {
    expect(decode(status, body)).toMatchObject({
      code: "upstream_rejected",
      upstream: { code: "content_policy" },
    });
  });

  test.each([
    [said("A"), "A"],
    [{ error: "B" }, "B"],
    [{ message: "C", type: "x" }, "C"],
    [{ detail: "D" }, "D"],
    [{ detail: [{ loc: ["body", "n"], msg: "bad" }] }, "body.n: bad"],
    [[{ error: { message: "E" } }], "E"],
    ['"F"', "F"],
    ["plain words", "plain words"],
  ])("the words that clients act on survive: %j", (body, message) => {
    expect(decode(400, body).message).toBe(message);
  });

  test.each([
    "<html><body>nginx on 10.0.0.7</body></html>",
    "Traceback (most recent call last):\n  File host-1.internal",
    "",
    "null",
    "[]",
    "{",
    "{}",
    `at host-1.internal ${"x".repeat(400)}`,
  ])("S36 R15 %j stays out of the public message", (body) => {
    const error = decode(502, body);
    expect(error.message).toBe("The provider answered status 502 without saying why.");
    expect(error.upstream?.body).toBe(body);
  });

  test("S36 keys that a provider repeats are masked, and its refusal of ours is not shown", () => {
    const key = "sk-abcdefghijklmnop1234";
    expect(decode(400, said(`Bad key ${key} given`)).message).toBe("Bad key *** given");
    expect(decode(401, said(`Incorrect API key provided: ${key}`)).message).not.toContain("sk-");
  });

  test("R26 retry-after, request id, param", () => {
    const headers = { "retry-after": "2", "x-request-id": "req_1" };
    expect(decode(429, said("x", { param: "n" }), headers)).toMatchObject({
      retryAfterMs: 2000,
      param: "n",
      upstream: { requestId: "req_1", type: "invalid_request_error", param: "n" },
    });
  });

  test("no body does more than become an error (S47)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 999 }),
        fc.oneof(fc.string(), fc.json()),
        (status, body) => {
          expect(decode(status, body)).toBeInstanceOf(GatewayError);
        },
      ),
    );
    expect(decode(500, "[".repeat(100_000)).code).toBe("upstream_unavailable");
  });
});

describe("encoding", () => {
  test.each([
    [
      new GatewayError("invalid_request", "m", { param: "messages[0]" }),
      "invalid_request_error",
      "invalid_request",
      "messages[0]",
    ],
    [new GatewayError("unauthenticated", "m"), "authentication_error", "invalid_api_key", null],
    [new GatewayError("forbidden", "m"), "permission_error", "forbidden", null],
    [new GatewayError("model_not_found", "m"), "invalid_request_error", "model_not_found", null],
    [new GatewayError("rate_limited", "m"), "rate_limit_error", "rate_limit_exceeded", null],
    [new GatewayError("budget_exceeded", "m"), "insufficient_quota", "insufficient_quota", null],
    [new GatewayError("upstream_unavailable", "m"), "server_error", "upstream_unavailable", null],
    [
      new GatewayError("upstream_rejected", "m", { upstream: { code: "context_length_exceeded" } }),
      "invalid_request_error",
      "context_length_exceeded",
      null,
    ],
  ])("%s", (error, type, code, param) => {
    expect(JSON.parse(openaiChat.error.encode(error, "req_1"))).toEqual({
      error: { message: "m", type, param, code },
    });
  });
});
