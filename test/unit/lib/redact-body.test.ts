// What is kept of a body: no credentials, no media at length, in time that grows with the text.
import { describe, expect, test } from "bun:test";
import { redactBody } from "../../../src/lib/redact-body.ts";

describe("credentials", () => {
  const secret = "Zx81q-Secret_Value.42";
  test.each([
    ["a member", `{"api_key":"${secret}","model":"m"}`, '{"api_key":"***","model":"m"}'],
    ["with spaces", `{ "x-api-key" : "${secret}" }`, '{ "x-api-key" : "***" }'],
    [
      "camel case",
      `{"apiKey":"${secret}","accessToken":"${secret}"}`,
      '{"apiKey":"***","accessToken":"***"}',
    ],
    ["with escapes", String.raw`{"password":"a\"b\\","x":1}`, '{"password":"***","x":1}'],
    ["AWS", `{"secretAccessKey":"${secret}"}`, '{"secretAccessKey":"***"}'],
    [
      "in a text of JSON",
      String.raw`{"arguments":"{\"client_secret\":\"${secret}\",\"a\":1}"}`,
      String.raw`{"arguments":"{\"client_secret\":\"***\",\"a\":1}"}`,
    ],
    ["a bearer token", "send Bearer abcdefghijklmnop0123 there", "send Bearer *** there"],
    ["a header", "Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"],
    [
      "in a URL",
      `https://host/v1?key=1&api_key=${secret}&x=2`,
      "https://host/v1?key=1&api_key=***&x=2",
    ],
    ["a password in a URL", "postgres://me:hunter22@db/x", "postgres://me:***@db/x"],
    ["an OpenAI key", "my key is sk-proj-abcdefghijklmnopqrstuvwx.", "my key is ***."],
    ["a Google key", `AIza${"a1B2".repeat(9)}`, "***"],
    ["an AWS key id", "AKIAIOSFODNN7EXAMPLE1", "***"],
    ["a GitHub token", `ghp_${"a1B2".repeat(9)}`, "***"],
    ["a JWT", `eyJhbGciOiJI.eyJzdWIiOiIx.${"s".repeat(20)}`, "***"],
    ["a private key that is cut off", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc", "***"],
    ["a value that is cut off", `{"password":"${secret}`, '{"password":"***'],
  ])("%s", (_what, text, kept) => {
    expect(redactBody(text)).toBe(kept);
  });

  test("ordinary text stays as it is", () => {
    for (const text of [
      `{"messages":[{"role":"user","content":"Basic principles of tokens: bearer bonds"}],"max_tokens":5}`,
      `{"logprobs":[{"token":" the","logprob":-0.1}]}`,
      'data: {"id":"chatcmpl-123","key":"value"}\n\n',
      "grüße 😀",
    ]) {
      expect(redactBody(text)).toBe(text);
    }
  });
});

describe("media", () => {
  test("data URLs and bare base64 are cut short", () => {
    const media = "iVBORw0KGgo".repeat(1_000);
    const redacted = redactBody(`{"url":"data:image/png;base64,${media}","data":"${media}"}`);
    expect(redacted.length).toBeLessThan(300);
    expect(redacted).toContain("data:image/png;base64,");
    expect(redacted).toContain("(11000 characters)");
    expect(redactBody(`data:image/png;base64,${"A".repeat(100)}"`)).toBe(
      'data:image/png;base64,…"',
    );
  });
});

describe("time", () => {
  test.each([
    ["-eyJ"],
    ["eyJaaaaaaaa."],
    ['"password":"'],
    ['\\"password\\":\\"'],
    ['"a-'],
    ["-----BEGIN A PRIVATE KEY-----"],
    ["://a:"],
    ["sk-"],
    ["Bearer "],
    ["a".repeat(511) + " "],
    ['"password":"\\'],
    ["authorization: "],
    ["data:a/b;base64,"],
  ])("%j over and over takes time in proportion", (piece) => {
    // Half a million characters at once, where the square of that would outlast any test.
    const text = piece.repeat(Math.ceil(512_000 / piece.length));
    expect(redactBody(text).length).toBeLessThanOrEqual(text.length * 2);
  });
});
