// Files and conversations that a request goes by: only the caller's own, and only at the provider that keeps them (fault S32).
import { GatewayError } from "../ir/error.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Inbound } from "./inbound.ts";
import { referencesIn } from "./objects.ts";
import type { RequestRecord } from "./record.ts";
import type { Services } from "./services.ts";

/** Whose request it is, and who knows what belongs to whom. */
interface Ownership {
  record: Pick<RequestRecord, "tenant">;
  services: Pick<Services, "owners">;
}

/** Bodies without any of these are not read for it. The last are letters that stand as escapes, perhaps in such a name. */
const marks = [
  "file_id",
  "vector_store_id",
  '"conversation"',
  "file_uri",
  "fileUri",
  "cachedContent",
  "cached_content",
  String.raw`\u004`,
  String.raw`\u005`,
  String.raw`\u006`,
  String.raw`\u007`,
].map((text) => Buffer.from(text));

/**
 * What vendors' ids of such objects look like; other values of such fields are somebody's own data.
 * Answers that the request goes on from are looked for elsewhere.
 */
const isVendors = (text: string, key: string): boolean =>
  key !== "previous_response_id" &&
  (/^(?:(?:file|vs|conv)[-_]\w|(?:files|cachedContents|projects)\/|https?:)/i.test(text) ||
    (key.startsWith("file_id") && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)));

/**
 * The candidates that have everything the request names.
 * @throws GatewayError `not_found` when none has, or something is another key's
 */
export async function whoHasReferences(
  inbound: Inbound,
  candidates: Candidate[],
  ownership: Ownership,
): Promise<Candidate[]> {
  const { bytes } = inbound;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Without keys there is one caller, and the providers know best what they have.
  const isKeyed = ownership.record.tenant !== null;
  if (!isKeyed || !marks.some((mark) => text.includes(mark))) return candidates;
  return whoHas(referencesIn(inbound.body().json, isVendors), candidates, ownership);
}

/** The candidates that have all these objects. @throws GatewayError `not_found` as {@link whoHasReferences} */
export async function whoHas(
  ids: readonly string[],
  candidates: Candidate[],
  { record, services }: Ownership,
): Promise<Candidate[]> {
  if (record.tenant === null || ids.length === 0) return candidates;
  const names = [...new Set(candidates.map(({ provider }) => provider.name))];
  const found = await services.owners.find(ids, names);
  const own = found.filter(({ owner }) => owner === record.tenant);
  const able = candidates.filter(({ provider, key }) =>
    ids.every((id) =>
      own.some(
        (each) =>
          each.id === id && each.provider === provider.name && each.account === (key?.name ?? null),
      ),
    ),
  );
  if (able.length > 0) return able;
  const missing = ids.find((id) => !own.some((each) => each.id === id)) ?? ids[0] ?? "";
  throw new GatewayError("not_found", `No such object: '${missing.slice(0, 200)}'.`);
}
