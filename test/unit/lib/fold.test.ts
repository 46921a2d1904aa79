// What looks alike is read alike.
import { describe, expect, test } from "bun:test";
import { foldText } from "../../../src/lib/fold.ts";

describe("by sight", () => {
  test.each([
    ["case", "ZEBRA", "zebra"],
    ["accents", "zébrá", "zebra"],
    ["combining marks", "ze\u0301bra", "zebra"],
    ["width", "ｚｅｂｒａ", "zebra"],
    ["mathematical letters", "𝐳𝐞𝐛𝐫𝐚", "zebra"],
    ["Cyrillic", "zеbrа", "zebra"],
    ["Greek", "zεbrα", "zebra"],
    ["zero width", "z\u200be\u200db\u2060r\ufeffa", "zebra"],
    ["soft hyphen", "ze\u00adbra", "zebra"],
    ["direction marks", "ze\u202ebra\u202c", "zebra"],
    ["tags", "ze\u{e0061}bra", "zebra"],
    ["variation selectors", "ze\ufe0fbra", "zebra"],
    ["spaces", "a\u00a0b\u2003c", "a b c"],
    ["NUL", "z\0ebra", "zebra"],
    ["ligatures", "ﬁn", "fin"],
  ])("%s", (_name, text, expected) => {
    expect(foldText(text, "sight")).toBe(expected);
  });
});

test("plainly, the case and the letters stay", () => {
  expect(foldText("AＢ\u200bc１ а", "plain")).toBe("ABc1 а");
});
