// Bodies of any form under the eyes of guardrails: JSON, lines of JSON, plain text.
import { JsonError, splice } from "../lib/json.ts";
import { editedJson, type Facts, inspectJson, inspectTexts, type Inspection } from "./inspect.ts";
import type { Finding, Guardrail } from "./guardrail.ts";
import { readableText } from "./text-check.ts";
import { hasTokens } from "./tokens.ts";

export interface BodyInspection {
  findings: Finding[];
  blocking: Finding | null;
  /** The body as it is to be; the same bytes where nothing is changed. */
  bytes: Uint8Array;
  /** False: it is no text, so that nothing is known of it. */
  isReadable: boolean;
}

/** Looks at a body whatever it is. */
export async function inspectBody(
  bytes: Uint8Array,
  guardrails: readonly Guardrail[],
  facts: Facts,
): Promise<BodyInspection> {
  const whole = await json(bytes, guardrails, facts);
  if (whole) return whole;
  const text = readableText(bytes);
  if (text === null) return { findings: [], blocking: null, bytes, isReadable: false };
  const lines = await jsonLines(bytes, guardrails, facts);
  if (lines) return lines;
  const plain = await inspectTexts([text], guardrails, facts);
  const edited = plain.edits.get(text);
  return {
    ...plain,
    bytes: edited === undefined ? bytes : Buffer.from(edited),
    isReadable: !ambiguous.test(text),
  };
}

/** Broken JSON, which a provider may read more kindly than we do, and letters that are wider than a byte. */
const ambiguous = /^\s*(?:\{\s*"|\[\s*[{["])|\0/;

async function json(
  bytes: Uint8Array,
  guardrails: readonly Guardrail[],
  facts: Facts,
): Promise<BodyInspection | null> {
  let found: Inspection;
  try {
    found = await inspectJson(bytes, guardrails, facts);
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
  return { ...found, bytes: editedJson(bytes, found.edits), isReadable: !hasTokens(bytes) };
}

/** Null where a line is no JSON. */
async function jsonLines(
  bytes: Uint8Array,
  guardrails: readonly Guardrail[],
  facts: Facts,
): Promise<BodyInspection | null> {
  const findings: Finding[] = [];
  const edits: { start: number; end: number; text: string }[] = [];
  let blocking: Finding | null = null;
  let isReadable = true;
  for (let start = 0; start < bytes.length;) {
    const at = bytes.indexOf(0x0a, start);
    const end = at < 0 ? bytes.length : at;
    const line = bytes.subarray(start, end);
    if (Buffer.from(line).toString("latin1").trim() !== "") {
      const found = await json(line, guardrails, facts);
      if (!found) return null;
      findings.push(...found.findings);
      blocking ??= found.blocking;
      isReadable &&= found.isReadable;
      if (found.bytes !== line) {
        edits.push({ start, end, text: Buffer.from(found.bytes).toString("utf8") });
      }
    }
    start = end + 1;
  }
  return { findings, blocking, bytes: splice(bytes, edits), isReadable };
}
