// A key of the directory by what people call it.
import { GatewayError } from "../ir/error.ts";
import type { VirtualKey } from "../store/directory-types.ts";
import type { Directory } from "../store/directory.ts";
import { maxSubjectId } from "../store/subject.ts";

/** Namesakes that are listed. */
const maxNamed = 5;

/** By its id, else by a name that no other key has. @throws GatewayError `invalid_request` where several have it */
export async function keyNamed(directory: Directory, idOrName: string): Promise<VirtualKey | null> {
  if (idOrName.length > maxSubjectId || idOrName.includes("\0")) return null;
  const byId = await directory.keys.get(idOrName);
  if (byId) return byId;
  const { rows } = await directory.keys.list({ name: idOrName, limit: maxNamed });
  const [only] = rows;
  if (rows.length <= 1) return only ?? null;
  throw new GatewayError(
    "invalid_request",
    `Several keys are called \`${idOrName.slice(0, 100)}\`. Say which one by its id: ${rows.map(({ id }) => id).join(", ")}${rows.length < maxNamed ? "" : ", …"}.`,
    { param: "key" },
  );
}
