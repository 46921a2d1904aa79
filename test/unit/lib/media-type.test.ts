// Media types read off the first bytes.
import { expect, test } from "bun:test";
import { sniffMediaType } from "../../../src/lib/media-type.ts";

const base64 = (latin1: string): string => Buffer.from(latin1, "latin1").toString("base64");

test.each([
  ["\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"],
  ["\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"],
  ["GIF89a\x01\0", "image/gif"],
  ["GIF87a\x01\0", "image/gif"],
  ["RIFF\x24\0\n\0WEBPVP8 ", "image/webp"],
  ["%PDF-1.7\n", "application/pdf"],
  // Sound begins like WebP does.
  ["RIFF\x24\0\0\0WAVEfmt ", undefined],
  ["GIF90a", undefined],
  ["plain text", undefined],
  ["", undefined],
])("%j is %s", (start, expected) => {
  expect(sniffMediaType(base64(start))).toBe(expected);
});

test("what is no base64 is nothing known", () => {
  expect(sniffMediaType("äöü !?")).toBeUndefined();
});
