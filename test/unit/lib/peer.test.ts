// Whom a request came from, whatever it says of itself. (S26)
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createAddressList } from "../../../src/lib/addresses.ts";
import { clientBehind } from "../../../src/lib/peer.ts";

const isTrusted = createAddressList(["10.0.0.0/8", "::1", "2001:db8:1::/48"]);
const client = (address: string | null, headers: Record<string, string> = {}): string | null =>
  clientBehind(address, new Headers(headers), isTrusted);

const spoofed = {
  "x-forwarded-for": "192.0.2.1",
  forwarded: "for=192.0.2.1",
  "x-real-ip": "192.0.2.1",
  "true-client-ip": "192.0.2.1",
  "cf-connecting-ip": "192.0.2.1",
  "x-client-ip": "192.0.2.1",
};

test("S26 nobody else is believed, whatever header they send", () => {
  expect(client("203.0.113.9", spoofed)).toBe("203.0.113.9");
  expect(client(null, spoofed)).toBeNull();
  expect(clientBehind("10.0.0.1", new Headers(spoofed), createAddressList([]))).toBe("10.0.0.1");
});

describe("S26 what a trusted proxy says", () => {
  test.each([
    [{}, "10.0.0.1"],
    [{ "x-forwarded-for": "192.0.2.7" }, "192.0.2.7"],
    // What stands left of the last stranger is what that one says of itself.
    [{ "x-forwarded-for": "6.6.6.6, 192.0.2.7" }, "192.0.2.7"],
    [{ "x-forwarded-for": "10.0.0.9, 192.0.2.7, 10.0.0.3, 2001:db8:1::4" }, "192.0.2.7"],
    [{ "x-forwarded-for": "10.0.0.9, 10.0.0.3" }, "10.0.0.9"],
    [{ "x-forwarded-for": "192.0.2.7:4711" }, "192.0.2.7"],
    [{ "x-forwarded-for": "[2001:db8::7]:4711" }, "2001:db8::7"],
    [{ "x-forwarded-for": "[2001:db8::7]" }, "2001:db8::7"],
    [{ forwarded: "for=192.0.2.7;proto=https;by=10.0.0.1" }, "192.0.2.7"],
    [{ forwarded: 'proto=https; For="[2001:db8::7]:4711"' }, "2001:db8::7"],
    [{ forwarded: 'for=6.6.6.6, for="192.0.2.7:80";host=x' }, "192.0.2.7"],
    [{ "x-forwarded-for": "192.0.2.7", forwarded: "for=192.0.2.7" }, "192.0.2.7"],
    [{ "x-real-ip": "192.0.2.7" }, "10.0.0.1"],
  ])("%j → %j", (headers, expected) => {
    expect(client("10.0.0.1", headers as Record<string, string>)).toBe(expected);
    expect(client("::ffff:10.0.0.1", headers as Record<string, string>)).toBe(
      expected === "10.0.0.1" ? "::ffff:10.0.0.1" : expected,
    );
  });

  test.each([
    [{ "x-forwarded-for": "" }],
    [{ "x-forwarded-for": "unknown" }],
    [{ "x-forwarded-for": "192.0.2.7, unknown" }],
    [{ "x-forwarded-for": "192.0.2.7," }],
    [{ "x-forwarded-for": "192.0.2.7;" }],
    [{ "x-forwarded-for": "192.0.2.7 10.0.0.1" }],
    [{ "x-forwarded-for": "0300.0.2.7" }],
    [{ "x-forwarded-for": "3221225991" }],
    [{ "x-forwarded-for": "192.0.2.7/8" }],
    [{ "x-forwarded-for": "localhost" }],
    [{ "x-forwarded-for": `${"10.0.0.2,".repeat(200)}10.0.0.2` }],
    [{ forwarded: "for=_hidden" }],
    [{ forwarded: "for=unknown" }],
    [{ forwarded: "proto=https" }],
    [{ forwarded: "for=192.0.2.7;for=10.0.0.1" }],
    [{ forwarded: 'for="a,b"' }],
    // A proxy that writes one of them lets the client's own other one pass.
    [{ "x-forwarded-for": "6.6.6.6", forwarded: "for=192.0.2.7" }],
    [{ "x-forwarded-for": "192.0.2.7", forwarded: "for=10.0.0.9" }],
  ])("that says nothing clear leaves the address unknown: %j", (headers) => {
    expect(client("10.0.0.1", headers as unknown as Record<string, string>)).toBeNull();
  });

  test("whatever a client puts in front changes nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), (written) => {
        const own = written
          .map((each) => each.replaceAll(/[^ -~]/g, "?"))
          .concat("192.0.2.7", "10.0.0.3")
          .join(", ");
        expect(client("10.0.0.1", { "x-forwarded-for": own })).toBe("192.0.2.7");
      }),
    );
  });
});
