// Secrets in bytes that come in pieces. (S33)
import { expect, test } from "bun:test";
import fc from "fast-check";
import { createCover } from "../../../src/lib/cover.ts";

const through = (secrets: readonly string[], pieces: readonly Uint8Array[]): string => {
  const cover = createCover(secrets);
  const out = pieces.map((piece) => Buffer.from(cover.push(piece)));
  return Buffer.concat([...out, cover.end()]).toString();
};
const cut = (bytes: Buffer, places: readonly number[]): Uint8Array[] => {
  const edges = [0, ...places.map((at) => at % (bytes.length + 1)), bytes.length];
  const sorted = edges.toSorted((one, other) => one - other);
  return sorted.slice(1).map((end, at) => bytes.subarray(sorted[at], end));
};

test.each([
  ["no secret here", ["sk-1234"], "no secret here"],
  ["key sk-1234.", ["sk-1234"], "key ***."],
  ["sk-1234sk-1234", ["sk-1234"], "******"],
  ["sk-123", ["sk-1234"], "sk-123"],
  ["sksk-1234", ["sk-1234"], "sk***"],
  ["anything", [], "anything"],
  ["anything", [""], "anything"],
])("%j without %j → %j, whole or byte by byte", (text, secrets, expected) => {
  const bytes = Buffer.from(text);
  expect(through(secrets, [bytes])).toBe(expected);
  expect(through(secrets, cut(bytes, [...bytes.keys()]))).toBe(expected);
});

test("however it is cut, no secret is left and nothing else is lost", () => {
  const letters = fc.constantFrom("a", "b", "é", "-");
  const text = fc.array(fc.oneof(letters, fc.constantFrom("ab-ab", "aab")), { maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(fc.nat()), (parts, places) => {
      const bytes = Buffer.from(parts.join(""));
      const whole = through(["ab-ab", "aab"], [bytes]);
      expect(through(["ab-ab", "aab"], cut(bytes, places))).toBe(whole);
      expect(whole).not.toMatch(/ab-ab|aab/);
      expect(through(["zz"], cut(bytes, places))).toBe(bytes.toString());
    }),
  );
});

test("of two that begin alike the longer one is taken", () => {
  const both = ["sk-1234", "sk-12345"];
  expect(through(both, [Buffer.from("sk-12345 sk-1234")])).toBe("*** ***");
});

test("what begins no secret is not held back", () => {
  const cover = createCover(["sk-1234"]);
  expect(Buffer.from(cover.push(Buffer.from("data: x\n\n"))).toString()).toBe("data: x\n\n");
  expect(Buffer.from(cover.push(Buffer.from("data: s"))).toString()).toBe("data: ");
  expect(Buffer.from(cover.push(Buffer.from("o"))).toString()).toBe("so");
});
