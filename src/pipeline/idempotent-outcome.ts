// What is on record of an `Idempotency-Key`: how far its request came, and the answer that is given again.
import { type ErrorCode, errorTable } from "../ir/error.ts";
import { now } from "../lib/clock.ts";
import { isObject, type JsonObject, parseObject } from "../lib/json.ts";
import type { Item } from "../store/items.ts";

export const idempotencyHeader = "idempotency-key";

/** What is on record of a key. */
export type Outcome =
  /** Perhaps sent, perhaps paid for; nobody knows what came of it. */
  | { type: "begun" }
  | { type: "answered"; status: number; headers: [string, string][]; body: Uint8Array }
  | { type: "too-large" }
  /** It may have been paid for all the same. */
  | { type: "failed"; code: ErrorCode; message: string; status: number };

export interface Kept {
  fingerprint: string;
  requestId: string;
  outcome: Outcome;
}

/** As long as others keep them. */
const keptMs = 24 * 3_600_000;

/** As it is stored. */
export function itemOf(place: string, owner: string | null, kept: Kept): Item {
  const atMs = now();
  return { key: place, owner, value: writeKept(kept), atMs, expiresMs: atMs + keptMs };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** As text where it is text. */
function writeKept({ outcome, ...kept }: Kept): string {
  if (outcome.type !== "answered") return JSON.stringify({ ...kept, outcome });
  const { body, ...head } = outcome;
  try {
    return JSON.stringify({ ...kept, outcome: { ...head, text: utf8.decode(body) } });
  } catch {
    const base64 = Buffer.from(body).toString("base64");
    return JSON.stringify({ ...kept, outcome: { ...head, base64 } });
  }
}

/** What this gateway wrote itself; what cannot be read counts as begun. */
export function readKept(value: string): Kept {
  const { fingerprint, requestId, outcome } = parseObject(value);
  return {
    fingerprint: String(fingerprint),
    requestId: String(requestId),
    outcome: (isObject(outcome) && readOutcome(outcome)) || { type: "begun" },
  };
}

function readOutcome({
  type,
  status,
  headers,
  text,
  base64,
  code,
  message,
}: JsonObject): Outcome | null {
  if (type === "too-large") return { type };
  if (typeof status !== "number") return null;
  if (type === "failed" && isErrorCode(code))
    return { type, code, message: String(message), status };
  if (type !== "answered" || !Array.isArray(headers)) return null;
  return {
    type,
    status,
    headers: headers.map(([name, content]) => [String(name), String(content)]),
    body: Buffer.from(String(text ?? base64), text === undefined ? "base64" : "utf8"),
  };
}

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === "string" && Object.hasOwn(errorTable, code);
