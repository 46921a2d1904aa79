// `pii`: what tells of a person, confirmed by its own check digits where it has any.
import { isIP } from "node:net";
import { compilePattern, type Range } from "../../lib/pattern-scan.ts";
import type { PiiKind } from "../../config/guardrails.ts";
import type { Check } from "../guardrail.ts";
import { createMatcher, type MatcherKind } from "../matcher.ts";

export function piiCheck(kinds: readonly PiiKind[]): Check {
  const matchers = kinds.map(matcherOf);
  return { by: "match", matchers: () => matchers.map(createMatcher) };
}

const all = (text: string): Range => ({ start: 0, end: text.length });
const countDigits = (text: string): number => text.replace(/\D/g, "").length;

interface Sign {
  source: string;
  confirm?: (text: string) => Range[];
}

function matcherOf(kind: PiiKind): MatcherKind {
  const { source, confirm } = table[kind];
  return { kind, program: compilePattern(source), folding: "plain", ...(confirm && { confirm }) };
}

const table: Readonly<Record<PiiKind, Sign>> = {
  email: { source: String.raw`[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+` },
  phone: {
    source: String.raw`\+(?:[ .()/-]*\d)+|\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|\b\d{3}[.-]\d{3}[.-]\d{4}\b`,
    confirm: (text) => (countDigits(text) >= 7 ? [all(text)] : []),
  },
  credit_card: { source: String.raw`\d(?:[ -]?\d)+`, confirm: cardsIn },
  iban: { source: String.raw`(?i)\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9])+`, confirm: ibansIn },
  us_ssn: {
    source: String.raw`\b\d{3}[ -]\d{2}[ -]\d{4}\b`,
    confirm: (text) =>
      /^(?!000|666|9)\d{3}.(?!00)\d\d.(?!0000)\d{4}$/.test(text) ? [all(text)] : [],
  },
  ip_address: {
    source: String.raw`\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}\b`,
    confirm: addressesIn,
  },
};

const separators = /[ -]/;

/** Places of groups between separators: cards and accounts begin and end at their edges. */
function groupsOf(text: string): Range[] {
  const groups: Range[] = [];
  let start = 0;
  for (let at = 0; at <= text.length; at += 1) {
    if (at < text.length && !separators.test(text.charAt(at))) continue;
    if (at > start) groups.push({ start, end: at });
    start = at + 1;
  }
  return groups;
}

/** 13 to 19 digits that pass Luhn's test, from the edge of one group to that of another. */
function cardsIn(text: string): Range[] {
  const found: Range[] = [];
  const groups = groupsOf(text);
  for (let first = 0; first < groups.length; first += 1) {
    let digits = "";
    for (let last = first; last < groups.length && digits.length <= 19; last += 1) {
      const { start, end } = groups[last] ?? { start: 0, end: 0 };
      if (end - start > 19) break;
      digits += text.slice(start, end);
      if (digits.length < 13 || digits.length > 19 || !passesLuhn(digits)) continue;
      found.push({ start: groups[first]?.start ?? 0, end });
      first = last;
      break;
    }
  }
  return found;
}

function passesLuhn(digits: string): boolean {
  // Rows of one digit pass as well.
  if (/^(\d)\1*$/.test(digits)) return false;
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]);
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** How long an account number is, by country. https://www.swift.com/standards/data-standards/iban */
const ibanLengths = new Map(
  (
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18" +
    "FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27" +
    "MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27" +
    "SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"
  )
    .match(/[A-Z]{2}\d\d/g)
    ?.map((entry) => [entry.slice(0, 2), Number(entry.slice(2))] as const),
);

function ibansIn(text: string): Range[] {
  const found: Range[] = [];
  for (let start = 0; start < text.length; start += 1) {
    if (start > 0 && !separators.test(text.charAt(start - 1))) continue;
    const length = ibanLengths.get(text.slice(start, start + 2).toUpperCase());
    if (length === undefined) continue;
    let account = "";
    let end = start;
    while (end < text.length && account.length < length) {
      const sign = text.charAt(end);
      if (!separators.test(sign)) account += sign;
      end += 1;
    }
    const isWhole = end === text.length || separators.test(text.charAt(end));
    if (account.length !== length || !isWhole || !passesMod97(account)) continue;
    found.push({ start, end });
    start = end;
  }
  return found;
}

function passesMod97(account: string): boolean {
  const moved = (account.slice(4) + account.slice(0, 4)).toUpperCase();
  let rest = 0;
  for (const sign of moved) {
    const value = Number.parseInt(sign, 36);
    if (Number.isNaN(value)) return false;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** Times and versions look alike: whatever is an address to a parser of them. */
function addressesIn(text: string): Range[] {
  // Names in programs look like it (`a::b`), but for the digits.
  return /\d/.test(text) && isIP(text) !== 0 ? [all(text)] : [];
}
