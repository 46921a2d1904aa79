// A function of a text is asked once for each text; what it throws is asked again.
import { expect, test } from "bun:test";
import { remembered } from "../../../src/lib/remembered.ts";

test("each text is worked out once, also where nothing comes of it", () => {
  const asked: string[] = [];
  const length = remembered((text) => {
    asked.push(text);
    return text === "" ? undefined : text.length;
  });
  expect([length("ab"), length("ab"), length(""), length("")]).toEqual([
    2,
    2,
    undefined,
    undefined,
  ]);
  expect(asked).toEqual(["ab", ""]);
});

test("what it throws is not kept", () => {
  let asked = 0;
  const once = remembered(() => {
    asked += 1;
    if (asked === 1) throw new Error("not yet");
    return asked;
  });
  expect(() => once("a")).toThrow("not yet");
  expect(once("a")).toBe(2);
});

test("it holds no more than a thousand texts", () => {
  const asked = new Map<string, number>();
  const same = remembered((text) => {
    asked.set(text, (asked.get(text) ?? 0) + 1);
    return text;
  });
  for (let index = 0; index < 1_001; index += 1) expect(same(`${index}`)).toBe(`${index}`);
  expect(same("0")).toBe("0");
  expect(asked.get("0")).toBe(2);
  expect(same("1000")).toBe("1000");
  expect(asked.get("1000")).toBe(1);
});
