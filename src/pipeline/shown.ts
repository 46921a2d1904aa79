// An outbound request as people may see it: whatever the operator wrote into it may be a credential.
import { isObject, RawJson, scan } from "../lib/json.ts";
import { withMembers } from "../lib/json-members.ts";
import type { Outbound } from "./outbound.ts";

const hidden = "***";

/** Without credentials, which are put on when it is sent, and without the operator's own values. */
export function shownHeaders({ headers, candidate }: Outbound): Record<string, string> {
  const { provider, parameters } = candidate;
  const own = { ...provider.headers, ...parameters.extraHeaders };
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  return Object.fromEntries(
    [...headers].map(([name, value]) => [name, names.has(name) ? hidden : value]),
  );
}

/** For `stringify`: the JSON text as it would leave, but for texts that an operator adds. */
export function shownBody({ body, candidate }: Outbound): RawJson {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const own = Object.entries(candidate.parameters.extraBody).map(
    ([name, value]): [string, unknown] => [name, withoutTexts(value)],
  );
  const present = scan(bytes);
  const shown = withMembers(bytes, Object.fromEntries(own.filter(([name]) => present.has(name))));
  return new RawJson(Buffer.from(shown).toString("utf8"));
}

function withoutTexts(value: unknown): unknown {
  if (typeof value === "string") return hidden;
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, withoutTexts(item)]),
  );
}
