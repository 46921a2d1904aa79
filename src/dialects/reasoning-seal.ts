// Another provider's reasoning where a client keeps only opaque text: a text that says where it was made.
import type { DialectId, ReasoningPart } from "../ir/chat.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import { field, stringOr } from "./fields.ts";

/**
 * Clients keep signatures and encrypted reasoning as opaque text and send them back unchanged. A block made of foreign
 * reasoning therefore carries, behind this marker, what its own provider needs to get it back.
 */
const marker = "megallm.";
/** How every seal begins: the marker and a JSON object in base64url. */
const sealStart = `"${marker}eyJ`;

/** True for a body with reasoning that no provider of its wire has made: it would be refused. */
export function carriesSeal(body: Uint8Array): boolean {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return buffer.includes(sealStart);
}

/** The signature (or redacted data) under which foreign reasoning is shown. `part.text` is left out: the block shows it. */
export function sealReasoning(part: ReasoningPart): string {
  const { origin, signature, encrypted, ext } = part;
  const sealed = { origin, signature, encrypted, ext: ext?.[origin.dialect] };
  return marker + Buffer.from(JSON.stringify(sealed), "utf8").toString("base64url");
}

/** The reasoning that {@link sealReasoning} hid; undefined for a signature that is not the gateway's. */
export function unsealReasoning(seal: string, text: string): ReasoningPart | undefined {
  if (!seal.startsWith(marker)) return undefined;
  const sealed = readSeal(seal.slice(marker.length));
  if (!sealed) return undefined;
  const found = field(sealed, "origin");
  if (!isObject(found)) return undefined;
  const [signature, encrypted] = [field(sealed, "signature"), field(sealed, "encrypted")].map(
    stringOr,
  );
  const [dialect, provider, model] = ["dialect", "provider", "model"].map((key) =>
    stringOr(field(found, key)),
  );
  const ext = field(sealed, "ext");
  return {
    type: "reasoning",
    text,
    // A client may write anything here: it then matches no target.
    origin: {
      dialect: dialect as DialectId,
      ...(provider === undefined ? {} : { provider }),
      ...(model === undefined ? {} : { model }),
    },
    ...(signature === undefined ? {} : { signature }),
    ...(encrypted === undefined ? {} : { encrypted }),
    ...(isObject(ext) && dialect !== undefined && dialect !== "__proto__"
      ? { ext: { [dialect]: ext } }
      : {}),
  };
}

function readSeal(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
