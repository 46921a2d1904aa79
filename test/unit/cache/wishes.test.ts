// S30: what a request may say of the cache: read strictly, and only ever tightening.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  bodyWishes,
  cacheHeader,
  type CacheWishes,
  controlWishes,
  headerWishes,
  noCacheWishes,
  strictest,
} from "../../../src/cache/wishes.ts";
import { GatewayError } from "../../../src/ir/error.ts";

const header = (text: string) => headerWishes(new Headers({ [cacheHeader]: text }));
const control = (text: string) => controlWishes(new Headers({ "cache-control": text }));
const plain = noCacheWishes;

describe("x-megallm-cache", () => {
  test.each([
    ["off", { looks: false, keeps: false, only: false }],
    [" REFRESH ", { ...plain, looks: false }],
    ["only", { ...plain, only: true }],
    ["ttl=60", { ...plain, maxAgeMs: 60_000, ttlMs: 60_000 }],
    ["only, ttl=60, ttl=90", { ...plain, only: true, maxAgeMs: 60_000, ttlMs: 60_000 }],
    ["off, ttl=5", { looks: false, keeps: false, only: false, maxAgeMs: 5_000, ttlMs: 5_000 }],
  ])("%s", (text, wishes) => expect(header(text)).toEqual(wishes));

  test("absent: nothing is said", () => expect(headerWishes(new Headers())).toBeUndefined());

  test.each([
    "",
    "on",
    "ttl",
    "ttl=0",
    "ttl=-1",
    "ttl=1.5",
    "ttl=99999999999",
    "off;",
    "off,",
    "🦊",
  ])("%p is refused", (text) => {
    const headers = { get: () => text } as unknown as Headers;
    expect(() => headerWishes(headers)).toThrow("`x-megallm-cache` must be `off`");
  });

  test.each(["only, refresh", "off, only"])("%s contradicts itself", (text) =>
    expect(() => header(text)).toThrow("leave one of them out"),
  );
});

describe("Cache-Control", () => {
  test.each([
    ["no-cache", { ...plain, looks: false }],
    ["no-store", { ...plain, keeps: false }],
    ["No-Cache, no-store", { looks: false, keeps: false, only: false }],
    ["max-age=30", { ...plain, maxAgeMs: 30_000 }],
    ["max-age=0", { ...plain, maxAgeMs: 0 }],
    ["only-if-cached, max-age=5", { ...plain, only: true, maxAgeMs: 5_000 }],
    ["no-cache, only-if-cached", { ...plain, looks: false }],
    ["no-transform, private, max-age=x, stale-if-error=60", plain],
    ["", plain],
  ])("%p", (text, wishes) => expect(control(text)).toEqual(wishes));
});

describe("LiteLLM's field", () => {
  test.each([
    [undefined, undefined],
    [null, undefined],
    [{}, plain],
    [{ "no-cache": true }, { ...plain, looks: false }],
    [
      { "no-store": true, "no-cache": false },
      { ...plain, keeps: false },
    ],
    [{ ttl: 300 }, { ...plain, ttlMs: 300_000 }],
    [{ ttl: 0 }, { ...plain, keeps: false }],
    [{ "s-maxage": "600" }, { ...plain, maxAgeMs: 600_000 }],
    [{ "s-max-age": 1.5 }, { ...plain, maxAgeMs: 1_500 }],
    [{ namespace: "tests" }, { ...plain, namespace: "tests" }],
    [{ "use-cache": true, other: 1, ttl: null }, plain],
  ])("%j", (value, wishes) => expect(bodyWishes(value)).toEqual(wishes));

  test.each([
    [true, "`cache` must be an object"],
    [[], "`cache` must be an object"],
    [{ ttl: -1 }, "`cache.ttl` must be a number of seconds"],
    [{ ttl: "soon" }, "`cache.ttl` must be"],
    [{ "s-maxage": {} }, "`cache.s-maxage` must be"],
    [{ "no-cache": "yes" }, "`cache.no-cache` must be true or false"],
    [{ namespace: "" }, "`cache.namespace` must be a text"],
    [{ namespace: "x".repeat(201) }, "`cache.namespace` must be a text"],
  ])("%j is refused", (value, message) => expect(() => bodyWishes(value)).toThrow(message));

  test("any value at all is read or refused, never more", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          bodyWishes(value);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
    );
  });
});

test("S30: wishes together are never looser than any of them", () => {
  const ms = fc.option(fc.nat(100_000), { nil: undefined });
  const wish: fc.Arbitrary<CacheWishes> = fc
    .record({ looks: fc.boolean(), keeps: fc.boolean(), maxAgeMs: ms, ttlMs: ms })
    .map(({ looks, keeps, maxAgeMs, ttlMs }) => ({
      looks,
      keeps,
      only: false,
      ...(maxAgeMs !== undefined && { maxAgeMs }),
      ...(ttlMs !== undefined && { ttlMs }),
    }));
  const within = (one: number | undefined, other: number | undefined): boolean =>
    other === undefined || (one !== undefined && one <= other);
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 4 }), (wishes) => {
      const found = strictest(...wishes, undefined);
      for (const each of wishes) {
        expect(found.looks && !each.looks).toBe(false);
        expect(found.keeps && !each.keeps).toBe(false);
        expect(within(found.maxAgeMs, each.maxAgeMs) && within(found.ttlMs, each.ttlMs)).toBe(true);
      }
    }),
  );
});
