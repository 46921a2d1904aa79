// What each type of guardrail finds, what it leaves alone, and that no cut of a text hides anything from it.
import { describe, expect, test } from "bun:test";
import { piiKinds, secretKinds } from "../../../src/config/guardrails.ts";
import type { Check } from "../../../src/guardrails/guardrail.ts";
import { lengthCheck } from "../../../src/guardrails/types/length.ts";
import { jsonSchemaCheck } from "../../../src/guardrails/types/json-schema.ts";
import { piiCheck } from "../../../src/guardrails/types/pii.ts";
import { regexCheck } from "../../../src/guardrails/types/regex.ts";
import { secretsCheck } from "../../../src/guardrails/types/secrets.ts";
import { wordsCheck } from "../../../src/guardrails/types/words.ts";

/** What is found, `kind:text`, when the text comes in these pieces. */
function findIn(check: Check, ...pieces: string[]): string[] {
  if (check.by !== "match") throw new Error("it does not match");
  const text = pieces.join("");
  return check
    .matchers()
    .flatMap((matcher) => {
      const found = pieces.flatMap((piece) => {
        matcher.push(piece);
        return matcher.take();
      });
      matcher.end();
      expect(matcher.settled).toBe(text.length);
      return [...found, ...matcher.take()];
    })
    .map(({ kind, start, end }) => `${kind}:${text.slice(start, end)}`);
}

/** The same however the text is cut in two. */
function expectAtEveryCut(check: Check, text: string, expected: string[]): void {
  for (let cut = 0; cut <= text.length; cut += 1) {
    expect(findIn(check, text.slice(0, cut), text.slice(cut))).toEqual(expected);
  }
  expect(findIn(check, ...Array.from(text))).toEqual(expected);
}

describe("words", () => {
  const check = wordsCheck({ words: ["Zebra", "blue  whale", "C++", "禁止"], anywhere: false });

  test.each([
    ["as it stands", "a zebra!", "zebra"],
    ["case", "ZeBRa", "ZeBRa"],
    ["zero width", "z\u200be\u200bbra", "z\u200be\u200bbra"],
    ["look-alikes", "zеbrа", "zеbrа"],
    ["accents", "zébra", "zébra"],
    ["width", "ｚｅｂｒａ", "ｚｅｂｒａ"],
    ["signs outside of the basic plane", "𝐳ebra", "𝐳ebra"],
    ["a phrase over a line break", "blue \n whale", "blue \n whale"],
    ["a phrase with a hard space", "blue\u00a0whale", "blue\u00a0whale"],
    ["signs at the edge", "I like C++.", "C++"],
    ["scripts without spaces", "我禁止了", "禁止"],
  ])("%s", (_name, text, expected) => {
    expectAtEveryCut(check, text, [`word:${expected}`]);
  });

  test.each(["zebras", "azebra", "zebr", "bluewhale", "ze bra", "zebra_1", ""])(
    "not in %p",
    (text) => {
      expectAtEveryCut(check, text, []);
    },
  );

  test("anywhere, within longer words", () => {
    const anywhere = wordsCheck({ words: ["zebra"], anywhere: true });
    expectAtEveryCut(anywhere, "Quagzebras", ["word:zebra"]);
  });

  test("thousands of words are one tree", () => {
    const many = wordsCheck({
      words: Array.from({ length: 5_000 }, (_, at) => `word${at}x`),
      anywhere: false,
    });
    expect(findIn(many, "some word4321x and word99x")).toEqual(["word:word4321x", "word:word99x"]);
  });
});

describe("pii", () => {
  const check = piiCheck(piiKinds);

  test.each([
    ["email", "mail me at jo.doe+x@mail.example.co.uk today", "jo.doe+x@mail.example.co.uk"],
    ["email", "jo\u200b@example.com.", "jo\u200b@example.com"],
    ["phone", "call +49 (0)30 123-4567 now", "+49 (0)30 123-4567"],
    ["phone", "(555) 123-4567", "(555) 123-4567"],
    ["credit_card", "pay 4111 1111 1111 1111 please", "4111 1111 1111 1111"],
    ["credit_card", "x5500-0000-0000-0004y", "5500-0000-0000-0004"],
    ["credit_card", "12 378282246310005", "378282246310005"],
    ["credit_card", "４１１１１１１１１１１１１１１１", "４１１１１１１１１１１１１１１１"],
    ["iban", "to DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"],
    ["iban", "GB29NWBK60161331926819", "GB29NWBK60161331926819"],
    ["us_ssn", "ssn 219-09-9999.", "219-09-9999"],
    ["ip_address", "at 192.168.10.254, and", "192.168.10.254"],
    ["ip_address", "at 2001:db8::ff00:42:8329 and", "2001:db8::ff00:42:8329"],
  ])("%s in %s", (kind, text, expected) => {
    expectAtEveryCut(piiCheck(piiKinds.filter((each) => each === kind)), text, [
      `${kind}:${expected}`,
    ]);
  });

  test.each([
    "4111 1111 1111 1112",
    "0000 0000 0000 0000",
    "DE89 3704 0044 0532 0130 02",
    "000-12-3456",
    "999.1.1.1",
    "at 12:30:45 and 1.2.3",
    "std::vector and a::b",
    "@handle, name@host",
    "+1 23",
    "a hyphen-ated text of 2024-10-12",
  ])("nothing in %s", (text) => {
    expectAtEveryCut(check, text, []);
  });

  test("two accounts in a row are two", () => {
    const iban = piiCheck(["iban"]);
    expect(findIn(iban, "DE89370400440532013000 GB29NWBK60161331926819")).toHaveLength(2);
    const card = piiCheck(["credit_card"]);
    expect(findIn(card, "4111111111111111 5500000000000004")).toHaveLength(2);
  });
});

describe("secrets", () => {
  const check = secretsCheck(secretKinds);
  const filler = (length: number): string => "Ab3dEf7hIj".repeat(10).slice(0, length);
  const cases: [string, string][] = [
    ["llm_key", `sk-proj-${filler(30)}`],
    ["llm_key", `sk-ant-api03-${filler(40)}`],
    ["llm_key", `gsk_${filler(30)}`],
    ["llm_key", `AIza${filler(35)}`],
    ["aws_key", "AKIAIOSFODNN7EXAMPLE"],
    ["aws_key", `aws_secret_access_key = "${"a/b+Cd8E".repeat(5)}`],
    ["platform_token", `ghp_${filler(36)}`],
    ["platform_token", `github_pat_${filler(30)}`],
    ["platform_token", `glpat-${filler(20)}`],
    ["platform_token", `xoxb-${filler(20)}`],
    ["platform_token", `sk_live_${filler(24)}`],
    ["private_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"],
    ["private_key", "-----BEGIN PRIVATE KEY-----\nMIIE"],
    ["jwt", `eyJ${filler(20)}.eyJ${filler(30)}.${filler(20)}`],
  ];
  test.each(cases)("%s: %s", (kind, text) => {
    expectAtEveryCut(check, `<${text}`, [`${kind}:${text}`]);
  });

  test.each([
    "sk-short",
    "a task-force of many",
    "AKIA1",
    "-----BEGIN CERTIFICATE-----",
    "eyJhbGciOi",
  ])("nothing in %s", (text) => {
    expectAtEveryCut(check, text, []);
  });
});

describe("regex", () => {
  test("the operator's patterns, at every cut", () => {
    const check = regexCheck([String.raw`(?i)project[ -]x\d+`, "(?:🦓)+"]);
    expectAtEveryCut(check, "on Project-X12 we 🦓🦓", ["pattern:Project-X12", "pattern:🦓🦓"]);
  });
});

describe("length", () => {
  const over = (check: Check, ...texts: string[]): string | null => {
    if (check.by !== "measure") throw new Error("it does not measure");
    const measure = check.create();
    return texts.reduce<string | null>((found, text) => found ?? measure.add(text), null);
  };

  test("characters add up", () => {
    const check = lengthCheck({ maxCharacters: 10 });
    expect(over(check, "12345", "67890")).toBeNull();
    expect(over(check, "12345", "678901")).toBe("characters");
  });

  test("tokens add up, also in pieces", () => {
    const check = lengthCheck({ maxTokens: 100 });
    expect(over(check, "word ".repeat(20))).toBeNull();
    expect(over(check, ...Array.from("word ".repeat(20)))).toBeNull();
    expect(over(check, ...Array.from("word ".repeat(400)))).toBe("tokens");
  });
});

describe("json_schema", () => {
  const check = jsonSchemaCheck({
    type: "object",
    required: ["answer"],
    properties: { answer: { type: "integer" } },
  });
  test.each([
    ['{"answer":1}', null],
    ['{"answer":"1"}', "schema"],
    ["{}", "schema"],
    ["no", "json"],
  ])("%s", (text, expected) => {
    expect(check.by === "answer" && check.fault(text)).toBe(expected as never);
  });
});
