// Signatures of what is posted to a webhook, as https://www.standardwebhooks.com has them.
import { createHmac } from "node:crypto";
import type { Secret } from "./secret.ts";

/** Over the id, the time and the body. A secret that begins with `whsec_` is base64 behind that, any other one is its own bytes. */
export function signature(parts: {
  id: string;
  seconds: string;
  body: string;
  secret: Secret;
}): string {
  const text = parts.secret.reveal();
  const key = text.startsWith("whsec_") ? Buffer.from(text.slice(6), "base64") : text;
  const signed = `${parts.id}.${parts.seconds}.${parts.body}`;
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}
