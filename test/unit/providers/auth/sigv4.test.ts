// Signature V4 against AWS's published test suite and documented example, and AWS's own client.
import { afterAll, describe, expect, test } from "bun:test";
import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";
import { setClock } from "../../../../src/lib/clock.ts";
import { signV4 } from "../../../../src/providers/auth/sigv4.ts";
import type { Unsigned } from "../../../../src/providers/provider.ts";
import { signaturesOf } from "./verify-sigv4.ts";

const keys = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const scope = { region: "us-east-1", service: "service" };

let time = Date.UTC(2015, 7, 30, 12, 36, 0);
const restore = setClock({ now: () => time });
afterAll(restore);

const request = (
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body = "",
): Unsigned => ({ method, url: new URL(url), headers: new Headers(headers), body });

const signatureOf = ({ headers }: Unsigned): string =>
  /Signature=([0-9a-f]{64})$/.exec(headers.get("authorization") ?? "")?.[1] ?? "none";

describe("AWS's test suite", () => {
  const at = "https://example.amazonaws.com";
  test.each([
    [
      "get-vanilla",
      request("GET", `${at}/`),
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ],
    [
      "post-vanilla",
      request("POST", `${at}/`),
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ],
    [
      "get-vanilla-query-order-key-case",
      request("GET", `${at}/?Param2=value2&Param1=value1`),
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    [
      "post-x-www-form-urlencoded",
      request(
        "POST",
        `${at}/`,
        { "content-type": "application/x-www-form-urlencoded" },
        "Param1=value1",
      ),
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ],
  ])("%s", async (_name, each, signature) => {
    await signV4(each, keys, scope);
    expect(signatureOf(each)).toBe(signature);
    expect(each.headers.get("x-amz-date")).toBe("20150830T123600Z");
  });
});

test("the example of AWS's General Reference", async () => {
  const before = time;
  time = Date.UTC(2011, 8, 9, 23, 36, 0);
  const each = request(
    "POST",
    "https://iam.amazonaws.com/",
    { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    "Action=ListUsers&Version=2010-05-08",
  );
  await signV4(each, keys, { region: "us-east-1", service: "iam" });
  time = before;
  expect(each.headers.get("authorization")).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ced6826de92d2bdeed8f846f0bf508e8559e98e4b0199114b84c54174deb456c",
  );
});

describe("a Bedrock request", () => {
  /** What AWS's own client sends, caught before it leaves. */
  async function theirs(modelId: string, sessionToken?: string): Promise<Request> {
    let caught: Request | undefined;
    const client = new BedrockRuntimeClient({
      region: "eu-west-1",
      credentials: { ...keys, ...(sessionToken !== undefined && { sessionToken }) },
      systemClockOffset: 0,
      requestHandler: {
        handle: ({
          method,
          hostname,
          path,
          headers,
          body,
        }: {
          method: string;
          hostname: string;
          path: string;
          headers: Record<string, string>;
          body: string;
        }) => {
          caught = new Request(`https://${hostname}${path}`, { method, headers, body });
          return Promise.reject(new Error("caught"));
        },
      },
      maxAttempts: 1,
    });
    await client
      .send(
        new ConverseCommand({ modelId, messages: [{ role: "user", content: [{ text: "hi" }] }] }),
      )
      .catch(() => undefined);
    if (!caught) throw new Error("the client sent nothing");
    return caught;
  }

  test.each([
    ["anthropic.claude-3-5-sonnet-20241022-v2:0", undefined],
    [
      "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-pro-v1:0",
      "IQoJb3JpZ2luX2VjEXAMPLE//token==",
    ],
  ])("for %s is signed as AWS's client signs it", async (model, sessionToken) => {
    // The receiver is right about AWS's own client, so it is right about us.
    const sent = await theirs(model, sessionToken);
    const body = await sent.text();
    const { url } = sent;
    const checked = signaturesOf(
      { method: "POST", url: new URL(url), headers: sent.headers, body },
      keys.secretAccessKey,
    );
    expect(checked.given).toBe(checked.wanted);
    const own: Unsigned = {
      method: "POST",
      url: new URL(
        `https://bedrock-runtime.eu-west-1.amazonaws.com/model/${encodeURIComponent(model)}/converse`,
      ),
      headers: new Headers({ "content-type": "application/json", "x-team": "a" }),
      body,
    };
    expect(own.url.href).toBe(url);
    await signV4(
      own,
      { ...keys, ...(sessionToken !== undefined && { sessionToken }) },
      { region: "eu-west-1", service: "bedrock" },
    );
    const ours = signaturesOf(own, keys.secretAccessKey);
    expect(ours.given).toBe(ours.wanted);
    expect(own.headers.get("x-amz-security-token")).toBe(sessionToken ?? null);
    const session = sessionToken === undefined ? "" : ";x-amz-security-token";
    expect(own.headers.get("authorization")).toContain(
      `/eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date${session}, `,
    );
  });

  test("has its body in the signature", async () => {
    const signatures = await Promise.all(
      ["{}", '{"a":1}'].map(async (body) => {
        const each = request(
          "POST",
          "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse",
          {},
          body,
        );
        await signV4(each, keys, { region: "us-east-1", service: "bedrock" });
        return signatureOf(each);
      }),
    );
    expect(new Set(signatures).size).toBe(2);
  });

  test("bytes are signed like the text they are", async () => {
    const [text, bytes] = [
      request("POST", "https://a.test/", {}, "{}"),
      request("POST", "https://a.test/"),
    ];
    const same = { ...bytes, body: new TextEncoder().encode("{}") };
    await signV4(text, keys, scope);
    await signV4(same, keys, scope);
    expect(signatureOf(same)).toBe(signatureOf(text));
  });

  test("signed again has only its own signature", async () => {
    const each = request("POST", "https://a.test/", {
      "x-amz-security-token": "old",
      authorization: "Bearer client",
    });
    await signV4(each, { ...keys, sessionToken: "new" }, scope);
    expect(each.headers.get("x-amz-security-token")).toBe("new");
    expect(each.headers.get("authorization")).toStartWith("AWS4-HMAC-SHA256 ");
    expect(each.headers.get("authorization")).not.toContain("wJalr");
  });
});
