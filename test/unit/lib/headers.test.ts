// Header rules (S16) and safe header values.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeHeaderValue, hopByHopHeaders, pickHeaders } from "../../../src/lib/headers.ts";

describe("pickHeaders", () => {
  test("only what is named passes, by name or by prefix", () => {
    const headers = new Headers({
      "Request-Id": "1",
      "x-ratelimit-limit-tokens": "2",
      "x-ratelimit": "3",
      server: "4",
    });
    expect(Object.fromEntries(pickHeaders(headers, ["request-id", "x-ratelimit-*"]))).toEqual({
      "request-id": "1",
      "x-ratelimit-limit-tokens": "2",
    });
    expect([...pickHeaders(headers, [])]).toEqual([]);
  });

  test("S16 hop-by-hop headers never pass, nor those that connection names", () => {
    const headers = new Headers({ connection: "close, X-Secret", "x-secret": "1", "x-open": "2" });
    for (const name of hopByHopHeaders) if (name !== "connection") headers.set(name, "v");
    expect(Object.fromEntries(pickHeaders(headers, ["*"]))).toEqual({ "x-open": "2" });
  });

  test("several cookies stay several", () => {
    const headers = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
    expect(pickHeaders(headers, ["set-cookie"]).getSetCookie()).toEqual(["a=1", "b=2"]);
  });
});

describe("encodeHeaderValue", () => {
  test("plain text stays, the rest is percent-encoded UTF-8", () => {
    expect(encodeHeaderValue('tools[0].strict: "x"; y=1')).toBe('tools[0].strict: "x"; y=1');
    expect(encodeHeaderValue("a\r\nset-cookie: x")).toBe("a%0D%0Aset-cookie: x");
    expect(encodeHeaderValue("żółw 100% 😀")).toBe("%C5%BC%C3%B3%C5%82w 100%25 %F0%9F%98%80");
  });

  test("any text becomes a value that Headers takes, short enough, and decodes when it was not cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 3, max: 200 }), (text, max) => {
        const value = encodeHeaderValue(text, max);
        expect(value.length).toBeLessThanOrEqual(max);
        expect(value).toMatch(/^[ -~]*$/);
        expect(new Headers({ "x-a": value }).get("x-a")).toBe(value);
        if (!value.endsWith("..."))
          expect(decodeURIComponent(value)).toBe(text.replaceAll(/^ +| +$/g, ""));
      }),
    );
  });
});
