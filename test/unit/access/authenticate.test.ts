// Credentials: every header a client may use, one decision (fault S19).
import { describe, expect, test } from "bun:test";
import { createAccess, presentedKey } from "../../../src/access/authenticate.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { Secret } from "../../../src/lib/secret.ts";

const good = "0123456789abcdef0123456789abcdef";
const access = createAccess({
  keys: [{ name: "team", secret: new Secret(good) }],
  required: true,
  callers: null,
});

const asking = (headers: Record<string, string> = {}): Request =>
  new Request("http://localhost/v1/models", { headers });

const outcome = async (headers: Record<string, string>): Promise<string | number> => {
  try {
    return (await access.authenticate(asking(headers))).key ?? "open";
  } catch (error) {
    return error instanceof GatewayError ? error.status : 0;
  }
};

describe("S19 the same key by any carrier", () => {
  test.each([
    [{ authorization: `Bearer ${good}` }, "team"],
    [{ authorization: `bearer  ${good}` }, "team"],
    [{ "x-api-key": good }, "team"],
    [{ "api-key": good }, "team"],
    [{ "x-goog-api-key": good }, "team"],
    [{ authorization: `Bearer ${good}`, "x-goog-api-key": good }, "team"],
    [{ authorization: `Bearer ${good}x` }, 401],
    [{ "x-api-key": "" }, 401],
    [{}, 401],
    [{ authorization: `Basic ${good}` }, 401],
    [{ authorization: good }, 401],
    [{ authorization: "Bearer" }, 401],
    [{ authorization: `Bearer ${good}`, "x-api-key": "another-key-entirely" }, 400],
  ])("%j", async (headers, expected) => {
    expect(await outcome(headers as unknown as Record<string, string>)).toBe(expected);
  });
});

test("without required keys whatever is sent is ignored", async () => {
  const open = createAccess({ keys: [], required: false, callers: null });
  const anonymous = { key: null, subjects: [{ kind: "gateway", id: "" }] };
  const ignored = [
    { authorization: "Bearer sk-anything" },
    { authorization: "Basic dXNlcjpwYXNz" },
    { authorization: "Bearer one", "x-api-key": "another" },
    {},
  ];
  for (const headers of ignored) {
    expect(await open.authenticate(asking(headers as Record<string, string>))).toEqual(
      anonymous as never,
    );
  }
});

test("no credential is null, not an error", () => {
  expect(presentedKey(new Headers())).toBeNull();
});
