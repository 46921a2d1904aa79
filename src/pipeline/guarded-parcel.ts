// Bodies that are relayed without being understood, as their guardrails let them through: forms, files, lines of JSON.
import { editedJson } from "../guardrails/inspect.ts";
import type { Exchange } from "./exchange.ts";
import type { InputGuard } from "./guard.ts";
import type { Parcel, PartEdit } from "./parcel.ts";
import type { Sendable } from "./send.ts";

type Content = Pick<Sendable, "body" | "bodyBytes">;
type Edits = ReadonlyMap<string, string>;

/**
 * Looks at a body with media in it. Returns the edits of one in JSON, which is planned with as it came.
 * @throws GatewayError `guardrail_blocked`
 */
export async function guardMedia(
  json: Uint8Array | null,
  parcel: Parcel,
  input: InputGuard,
  held: Exchange,
): Promise<Edits | null> {
  if (json) return input.json(json);
  await guardParcel(parcel, input, { held, media: true });
  return null;
}

export const editedContent = (content: Content, edits: Edits): Content =>
  content.body instanceof Uint8Array ? { body: editedJson(content.body, edits) } : content;

/**
 * Looks at every part of a body, and puts what is masked in the place of what was there. `media`: files may be what no
 * guardrail can read.
 * @throws GatewayError `guardrail_blocked`
 */
export async function guardParcel(
  parcel: Parcel,
  input: InputGuard,
  { held, media }: { held: Exchange; media: boolean },
): Promise<void> {
  const { maxBodyBytes } = held.generation.config.server;
  const isPairs = /^application\/x-www-form-urlencoded\b/i.test(parcel.contentType ?? "");
  const edits: PartEdit[] = [];
  for (const { start, end, names, isFile, read } of parcel.parts) {
    for (const name of names) await input.bytes(Buffer.from(name));
    const isMedia = media && isFile;
    if (end - start > maxBodyBytes) {
      if (!isMedia) input.unread();
      continue;
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of read()) pieces.push(piece);
    const given = Buffer.concat(pieces);
    const plain = isPairs ? await pairsOf(given, input) : given;
    const bytes = await input.bytes(plain, { media: isMedia });
    if (bytes !== given) edits.push({ start, end, bytes });
  }
  if (edits.length > 0) parcel.replace(edits);
}

/** Names and values are looked at as they are meant, not as they are written. */
async function pairsOf(bytes: Buffer, input: InputGuard): Promise<Uint8Array> {
  const pairs: [string, string][] = [];
  let isSame = true;
  const looked = async (text: string): Promise<string> => {
    const given = Buffer.from(text);
    const shown = await input.bytes(given);
    if (shown === given) return text;
    isSame = false;
    return Buffer.from(shown).toString("utf8");
  };
  for (const [name, value] of new URLSearchParams(bytes.toString("utf8"))) {
    pairs.push([await looked(name), await looked(value)]);
  }
  return isSame ? bytes : Buffer.from(new URLSearchParams(pairs).toString());
}
