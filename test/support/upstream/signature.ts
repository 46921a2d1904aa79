// Signatures of thinking: a double accepts back only what it signed itself, unchanged.
import { createHmac, timingSafeEqual } from "node:crypto";

const secret = "upstream double";
const nonceBytes = 9;

/** A signature of the thinking text as it was shown (empty when it is omitted). Base64, as the vendor's. */
export function signThinking(text: string): string {
  const nonce = crypto.getRandomValues(new Uint8Array(nonceBytes));
  return Buffer.concat([nonce, digest(nonce, text)]).toString("base64");
}

/** Whether `signature` was made by {@link signThinking} for exactly this text. */
export function verifyThinking(text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64");
  if (bytes.toString("base64") !== signature) return false;
  const nonce = bytes.subarray(0, nonceBytes);
  const expected = digest(nonce, text);
  const found = bytes.subarray(nonceBytes);
  return found.length === expected.length && timingSafeEqual(found, expected);
}

/** Hidden thinking: opaque to clients, accepted back only unchanged. */
export const sealThinking = (text: string): string => {
  const payload = Buffer.from(text).toString("base64url");
  return Buffer.from(`${payload}.${signThinking(payload)}`).toString("base64");
};

export function isSealed(data: string): boolean {
  const [payload, signature] = Buffer.from(data, "base64").toString().split(".");
  return payload !== undefined && signature !== undefined && verifyThinking(payload, signature);
}

function digest(nonce: Uint8Array, text: string): Buffer {
  return createHmac("sha256", secret).update(nonce).update(text).digest();
}
