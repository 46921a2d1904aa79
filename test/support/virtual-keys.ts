// Virtual keys, teams and the rest of the directory, made through the administration API of a gateway in this process.
import { adminKey, type InProcess } from "./in-process.ts";

export interface MadeKey {
  readonly id: string;
  readonly key: string;
}

/** A call of the administration API as the admin; throws what it says where that is no success. */
export async function administer(
  gateway: Pick<InProcess, "fetch">,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const answer = await gateway.fetch(`/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

/** A new key; `fields` as the administration API has them. */
export async function makeKey(
  gateway: Pick<InProcess, "fetch">,
  fields: object = {},
): Promise<MadeKey> {
  const made = await administer(gateway, "POST", "/keys", {
    kind: "service",
    name: `key ${crypto.randomUUID()}`,
    ...fields,
  });
  return { id: String(made["id"]), key: String(made["key"]) };
}

/** A team in an organization of its own. */
export async function makeTeam(
  gateway: Pick<InProcess, "fetch">,
  fields: object = {},
): Promise<string> {
  const name = crypto.randomUUID();
  const { id } = await administer(gateway, "POST", "/organizations", { name: `org ${name}` });
  const organization_id = String(id);
  const team = await administer(gateway, "POST", "/teams", {
    name: `team ${name}`,
    organization_id,
    ...fields,
  });
  return String(team["id"]);
}
