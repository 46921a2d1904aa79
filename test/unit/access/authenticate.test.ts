// Credentials: every header a client may use, one decision (fault S19).
import { describe, expect, test } from "bun:test";
import { createAccess, presentedKey } from "../../../src/access/authenticate.ts";
import { GatewayError } from "../../../src/ir/error.ts";
import { Secret } from "../../../src/lib/secret.ts";

const good = "0123456789abcdef0123456789abcdef";
const access = createAccess([{ name: "team", secret: new Secret(good) }], true);

const outcome = (headers: Record<string, string>): string | number => {
  try {
    return access.authenticate(new Headers(headers)).key ?? "open";
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
  ])("%j", (headers, expected) => {
    expect(outcome(headers as unknown as Record<string, string>)).toBe(expected);
  });
});

test("without required keys whatever is sent is ignored", () => {
  const open = createAccess([], false);
  expect(open.authenticate(new Headers({ authorization: "Bearer sk-anything" }))).toEqual({
    key: null,
  });
  expect(open.authenticate(new Headers())).toEqual({ key: null });
});

test("no credential is null, not an error", () => {
  expect(presentedKey(new Headers())).toBeNull();
});
