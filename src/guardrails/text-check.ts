// Looks at whole texts with every guardrail that matches, and says what stands in their place.
import { monotonic } from "../lib/clock.ts";
import { type JsonScalar, scalarsWithin } from "../lib/json-scalars.ts";
import { splice } from "../lib/json.ts";
import type { Guardrail, Match, Matcher } from "./guardrail.ts";
import { replacementOf } from "./guardrail.ts";

/** What was found in one text. */
export interface TextFinding {
  guardrail: Guardrail;
  kind: string;
}

export interface TextResult {
  /** As it is to be: with all masks. */
  text: string;
  findings: readonly TextFinding[];
}

export interface TextCheck {
  check(text: string): Promise<TextResult>;
}

/** Characters that are read before others are let in, ms between that, and how deep texts within texts are looked into. */
const slice = 2_048;
const sliceMs = 8;
const maxNesting = 4;

/** Lets others in when it is time. */
export function createBreath(): () => Promise<void> {
  let last = monotonic();
  return async () => {
    if (monotonic() - last < sliceMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    last = monotonic();
  };
}

/** Reads a text that may be long, a little at a time. */
export async function inSlices(
  text: string,
  read: (piece: string) => void,
  breathe: () => Promise<void>,
): Promise<void> {
  for (let at = 0; at < text.length; at += slice) {
    read(text.slice(at, at + slice));
    await breathe();
  }
}

/** Remembers what it has seen: the words of a wire come again and again. */
export function createTextCheck(guardrails: readonly Guardrail[]): TextCheck {
  const known = new Map<string, TextResult>();
  const breathe = createBreath();

  const matchesOf = async (matcher: Matcher, text: string): Promise<Match[]> => {
    await inSlices(text, (piece) => matcher.push(piece), breathe);
    matcher.end();
    return matcher.take();
  };

  /** The text alone, whatever may stand within it. */
  const plain = async (text: string): Promise<TextResult> => {
    const findings: TextFinding[] = [];
    const masks: Mask[] = [];
    for (const guardrail of guardrails) {
      if (guardrail.check.by !== "match") continue;
      for (const matcher of guardrail.check.matchers()) {
        for (const match of await matchesOf(matcher, text)) {
          findings.push({ guardrail, kind: match.kind });
          if (guardrail.settings.action !== "mask") continue;
          masks.push({ ...match, text: replacementOf(guardrail, match.kind) });
        }
      }
    }
    return { text: masked(text, masks), findings };
  };

  const look = async (text: string, nesting: number): Promise<TextResult> => {
    if (text === "") return { text, findings: [] };
    const inner = nesting < maxNesting ? await within(text, nesting) : null;
    const outer = await plain(inner?.text ?? text);
    if (!inner) return outer;
    return { text: outer.text, findings: [...inner.findings, ...outer.findings] };
  };

  /** JSON in a text, and text in base64, are what they hold. */
  const within = async (text: string, nesting: number): Promise<TextResult | null> => {
    const packed = unpack(text);
    if (packed) {
      const result = await look(packed.text, nesting + 1);
      const isSame = result.text === packed.text;
      return { text: isSame ? text : packed.pack(result.text), findings: result.findings };
    }
    const scalars = scalarsWithin(text);
    if (!scalars || scalars.length === 0) return null;
    const findings: TextFinding[] = [];
    const edits: { scalar: JsonScalar; text: string }[] = [];
    for (const scalar of scalars) {
      const result = await look(scalar.text, nesting + 1);
      findings.push(...result.findings);
      if (result.text !== scalar.text) edits.push({ scalar, text: result.text });
    }
    if (edits.length === 0) return { text, findings };
    const bytes = splice(
      Buffer.from(text),
      edits.map(({ scalar: { start, end }, text: edited }) => ({
        start,
        end,
        text: JSON.stringify(edited),
      })),
    );
    return { text: Buffer.from(bytes).toString("utf8"), findings };
  };

  return {
    async check(text) {
      const before = known.get(text);
      if (before) return before;
      // What holds no text need not be read letter by letter.
      const result = isBinary(text) ? { text, findings: [] } : await look(text, 0);
      if (text.length < maxKnownLength && known.size < maxKnown) known.set(text, result);
      return result;
    },
  };
}

const maxKnown = 1_000;
const maxKnownLength = 1_024;

export interface Mask {
  start: number;
  end: number;
  text: string;
}

/** The text with its masks; of those that overlap, the first stands for all. */
export function masked(text: string, masks: readonly Mask[]): string {
  if (masks.length === 0) return text;
  let out = "";
  let at = 0;
  for (const { start, end, text: mask } of masks.toSorted(
    (one, other) => one.start - other.start,
  )) {
    if (start >= at) out += text.slice(at, start) + mask;
    at = Math.max(at, end);
  }
  return out + text.slice(at);
}

const dataUrl = /^data:[^,]{0,200};base64,/i;
const base64 = /^[A-Za-z0-9+/_-]{16,}={0,2}$/;
const maxUnpacked = 8 * 1024 * 1024;

interface Packed {
  text: string;
  pack(text: string): string;
}

/** The text that a base64 text or a data URL stands for; null where it stands for none. */
function unpack(text: string): Packed | null {
  const head = dataUrl.exec(text)?.[0] ?? "";
  const body = text.slice(head.length);
  if (body.length > maxUnpacked || !base64.test(body.slice(0, 4_096).replace(/\s+/g, ""))) {
    return null;
  }
  const bytes = Buffer.from(body, "base64");
  const inner = readableText(bytes);
  if (inner === null || inner.length < 8) return null;
  return { text: inner, pack: (edited) => head + Buffer.from(edited).toString("base64") };
}

/** Media in base64: nothing to be read in it, whatever its letters spell. */
function isBinary(text: string): boolean {
  if (text.length < 1_024) return false;
  const body = text.replace(dataUrl, "");
  if (!base64.test(body.slice(0, 1_024)) || !base64.test(body.slice(-1_024))) return false;
  return unpack(text) === null && base64.test(body);
}

/** UTF-8 without control characters; null: it is something else. */
export function readableText(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return isWritten(text) ? text : null;
  } catch {
    return null;
  }
}

/** Tabs, line breaks and escapes of terminals stand in texts; NUL in those of wider letters. */
const allowedControls: ReadonlySet<number> = new Set([0, 9, 10, 11, 12, 13, 27]);

function isWritten(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 && !allowedControls.has(unit)) return false;
  }
  return true;
}
