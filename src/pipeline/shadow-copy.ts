// The copy of a client's request that a shadow is asked with: the same body, and none of what would leave traces.
import { GatewayError } from "../ir/error.ts";
import { withMembers, withoutMembers } from "../lib/json-members.ts";
import { letsAct } from "./effects.ts";
import type { Asked, Inbound } from "./inbound.ts";
import type { Owners } from "./objects.ts";
import type { Plan } from "./plan.ts";
import { whoHasReferences } from "./references.ts";

export interface Copy {
  request: Request;
  asked: Asked;
}

/** Why a request cannot be copied: it goes on from what only its provider has, names files, or lets a provider act. */
export type Refused = "conversation" | "references" | "provider_tools" | "background";

/** The request as if a client had sent it to `model`. */
export async function copyOf(
  { inbound, wishes }: Plan,
  asked: Asked,
  model: string,
): Promise<Copy | Refused> {
  if (inbound.goesOn) return "conversation";
  if (inbound.member("background") === true) return "background";
  if (await hasReferences(inbound)) return "references";
  if (letsAct(inbound)) return "provider_tools";
  const inPath = asked.model !== undefined;
  const body = inbound.wrapped?.bytes ?? plainBody(inbound, wishes.fields, inPath ? {} : { model });
  const url = new URL(inbound.url);
  url.searchParams.delete("key");
  const headers = plainHeaders(inbound.headers);
  const request = new Request(url.href, { method: "POST", headers, body: Buffer.from(body) });
  return { request, asked: inPath ? { ...asked, model } : asked };
}

/** Without what is said of routing, and with nothing to be kept by whoever answers. */
function plainBody(
  { bytes, dialect, member }: Inbound,
  fields: readonly string[],
  values: Readonly<Record<string, unknown>>,
): Uint8Array {
  const isKept = member("store") === true || dialect.state?.wantsKept(member) === true;
  const bare = fields.length === 0 ? bytes : withoutMembers(bytes, fields);
  return withMembers(bare, { ...values, ...(isKept && { store: false }) });
}

/** Credentials, framing, and what is meant for the gateway. */
const ownHeaders =
  /^(?:authorization|cookie|x-api-key|api-key|x-goog-api-key|content-(?:length|encoding)|transfer-encoding|idempotency-key|x-megallm-.*)$/;

const plainHeaders = (headers: Headers): [string, string][] =>
  [...headers].filter(([name]) => !ownHeaders.test(name));

/** Nobody owns anything. */
export const noOwners: Owners = {
  find: async () => [],
  keep: async () => {},
  remove: async () => {},
};

/** Files and the like belong to one caller at one provider. */
async function hasReferences(inbound: Inbound): Promise<boolean> {
  try {
    await whoHasReferences(inbound, [], { record: { tenant: "" }, services: { owners: noOwners } });
    return false;
  } catch (error) {
    if (error instanceof GatewayError) return true;
    throw error;
  }
}
