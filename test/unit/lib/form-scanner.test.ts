// A form's fields are found wherever the stream is cut, and where they are said to be.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  boundaryOf,
  createFormScanner,
  FormError,
  type FormField,
} from "../../../src/lib/form-scanner.ts";

async function bytesOf(form: FormData): Promise<{ bytes: Uint8Array; boundary: string }> {
  const response = new Response(form);
  const boundary = boundaryOf(response.headers.get("content-type"));
  if (boundary === undefined) throw new Error("no boundary");
  return { bytes: await response.bytes(), boundary };
}

function scanIn(bytes: Uint8Array, boundary: string, cuts: readonly number[]): FormField[] {
  const scanner = createFormScanner(boundary);
  const found: FormField[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    found.push(...scanner.push(bytes.subarray(from, to)));
    from = to;
  }
  scanner.end();
  return found;
}

test("fields and files, with their places", async () => {
  const form = new FormData();
  form.append("file", new File([new Uint8Array(70_000).fill(13)], 'a "b".wav'), 'a "b".wav');
  form.append("model", "whisper-1");
  form.append("prompt", "Grüße\r\n--x");
  const { bytes, boundary } = await bytesOf(form);
  const fields = scanIn(bytes, boundary, []);
  expect(fields.map(({ name }) => name)).toEqual(["file", "model", "prompt"]);
  expect(fields.map(({ text }) => text)).toEqual([undefined, "whisper-1", "Grüße\r\n--x"]);
  expect(fields[0]?.fileName).toContain("wav");
  expect(fields.map(({ start, end }) => end - start)).toEqual([70_000, 9, 12]);
  const [, model] = fields;
  expect(Buffer.from(bytes.subarray(model?.start, model?.end)).toString()).toBe("whisper-1");
});

test("any cut gives the same fields", async () => {
  const form = new FormData();
  form.append("model", "m");
  form.append("file", new File(["\r\n-\r\n--\r\n--b"], "x"), "x");
  form.append("empty", "");
  const { bytes, boundary } = await bytesOf(form);
  const whole = scanIn(bytes, boundary, []);
  expect(whole).toHaveLength(3);
  const cut = fc.integer({ min: 0, max: bytes.length });
  fc.assert(
    fc.property(fc.array(cut, { maxLength: 8 }), (cuts) => {
      expect(
        scanIn(
          bytes,
          boundary,
          cuts.toSorted((one, two) => one - two),
        ),
      ).toEqual(whole);
    }),
  );
  expect(scanIn(bytes, boundary, Array.from(bytes.keys()))).toEqual(whole);
});

describe("what is no form is refused", () => {
  test.each([
    ["cut short", '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue'],
    ["no name", "--b\r\nContent-Type: text/plain\r\n\r\nvalue\r\n--b--"],
    ["a bad boundary", '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n--bx'],
    ["nothing", ""],
  ])("%s", (_name, text) => {
    expect(() => scanIn(Buffer.from(text), "b", [])).toThrow(FormError);
  });

  test("garbage throws nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          scanIn(bytes, "b", []);
        } catch (error) {
          expect(error).toBeInstanceOf(FormError);
        }
      }),
    );
  });
});

test.each([
  ["multipart/form-data; boundary=abc", "abc"],
  ['multipart/form-data; charset=utf-8; boundary="a b"', "a b"],
  ["application/json", undefined],
  ["multipart/form-data", undefined],
  [null, undefined],
])("boundary of %p", (type, expected) => {
  expect(boundaryOf(type)).toBe(expected);
});

test.each([
  'content-disposition: form-data; name="x"; name="model"',
  'content-disposition: form-data; name="x"; NAME=model',
  "content-disposition: form-data; name=x; name*=utf-8''model",
  'content-disposition: form-data; name="x; name=model',
  'content-disposition: form-data; name="x"\r\nContent-Disposition: form-data; name="model"',
  'content-disposition: form-data; name="x"\nContent-Disposition: form-data; name="model"',
  String.raw`content-disposition: form-data; name="mod\el"`,
])("a part that can be read under two names is refused: %s", (head) => {
  const form = Buffer.from(`--b\r\n${head}\r\n\r\nv\r\n--b--\r\n`);
  expect(() => scanIn(form, "b", [])).toThrow(FormError);
});

test("what a file's name says of names is no name", () => {
  const head = String.raw`content-disposition: form-data; filename="a\"; name=model; .wav"; name="file"`;
  const [field] = scanIn(Buffer.from(`--b\r\n${head}\r\n\r\nv\r\n--b--\r\n`), "b", []);
  expect(field).toMatchObject({ name: "file", fileName: 'a"; name=model; .wav' });
});

test("headers without an end are refused, in one piece too", () => {
  const head = `content-disposition: form-data; name="${"x".repeat(20_000)}"`;
  const form = Buffer.from(`--b\r\n${head}\r\n\r\nv\r\n--b--\r\n`);
  expect(() => scanIn(form, "b", [])).toThrow(FormError);
});

test("of two boundaries none is taken", () => {
  expect(boundaryOf("multipart/form-data; boundary=b; boundary=c")).toBeUndefined();
  expect(boundaryOf("multipart/form-data; charset=utf-8; boundary=b")).toBe("b");
});
