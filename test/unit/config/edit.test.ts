// Edits of a text: what it says afterwards is what was asked for, in any layout.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { parseText } from "../../../src/config/document.ts";
import { editText } from "../../../src/config/edit.ts";

const key = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "c",
    "gpt-4*",
    "x: y",
    "# no",
    "1",
    "true",
    "null",
    "- d",
    "ü",
    "{",
    "'q'",
    '"',
  ),
  fc
    .string({ minLength: 1, maxLength: 6 })
    .filter((text) => text !== "__proto__" && text.isWellFormed()),
);
const scalar = fc.oneof(
  fc.constantFrom(
    "",
    " lead",
    "trail ",
    "a: b",
    "# c",
    "two\nlines",
    "three\n\nlines\n",
    "~",
    "yes",
    "0x1",
    "1e3",
    "${A}",
    "***",
    "|",
    "é\t",
  ),
  fc.string({ maxLength: 12 }),
  fc.integer(),
  fc.boolean(),
);
const tree = (depth: number): fc.Arbitrary<unknown> =>
  depth === 0
    ? scalar
    : fc.oneof(
        { weight: 3, arbitrary: scalar },
        {
          weight: 2,
          arbitrary: fc.dictionary(key, tree(depth - 1), { maxKeys: 4, noNullPrototype: true }),
        },
        { weight: 1, arbitrary: fc.array(tree(depth - 1), { maxLength: 3 }) },
      );
const map = fc.dictionary(key, tree(2), { minKeys: 1, maxKeys: 4, noNullPrototype: true });
const layout = fc.record({
  indent: fc.constantFrom(1, 2, 4, 8),
  collectionStyle: fc.constantFrom("any" as const, "block" as const, "flow" as const),
  indentSeq: fc.boolean(),
});

test("the values are those of the edits, and all others stay", () => {
  let inPlace = 0;
  fc.assert(
    fc.property(
      map,
      layout,
      key,
      fc.option(key, { nil: null }),
      tree(2),
      (root, style, one, two, value) => {
        const text = `# head\n${stringify(root, { lineWidth: 0, ...style })}# tail\n`;
        const read = parseText(text);
        fc.pre(read.faults.length === 0 && Bun.deepEquals(read.value, root));
        const path = two === null ? [one] : [one, two];
        const inner = Object.hasOwn(root, one) ? root[one] : undefined;
        fc.pre(
          two === null ||
            inner === undefined ||
            (typeof inner === "object" && !Array.isArray(inner)),
        );
        const wanted = structuredClone(root);
        if (two === null) wanted[one] = value;
        else wanted[one] = { ...(inner as object | undefined), [two]: value };
        const edited = editText(text, [{ path, value }], "yaml");
        const found = parseText(edited);
        expect(found.faults).toEqual([]);
        expect(found.value).toEqual(wanted);
        expect(edited).toContain("# head");
        expect(edited).toContain("# tail");
        if (edited.startsWith(text.slice(0, text.length - 7).trimEnd())) inPlace += 1;
        const gone = parseText(editText(edited, [{ path, value: undefined }], "yaml")).value;
        expect(JSON.stringify(gone)).not.toBe(JSON.stringify(wanted));
      },
    ),
    { numRuns: 1_500, seed: 11 },
  );
  expect(inPlace).toBeGreaterThan(100);
});

test("JSON stays JSON", () => {
  fc.assert(
    fc.property(map, key, tree(2), (root, name, value) => {
      const text = JSON.stringify(root);
      fc.pre(parseText(text).faults.length === 0);
      const edited: unknown = JSON.parse(editText(text, [{ path: [name], value }], "json"));
      expect(edited).toEqual({ ...root, [name]: value });
    }),
    { numRuns: 300, seed: 12 },
  );
});
