// What the operator and the caller want done with request parameters: added, removed, forced through, or refused.
import type { Outbound, Shell } from "./outbound.ts";
import { type Inbound, unsupportedHeader } from "./inbound.ts";
import { GatewayError } from "../ir/error.ts";
import type { Warning } from "../ir/warning.ts";
import { scan } from "../lib/json.ts";
import { withMembers, withoutPath } from "../lib/json-members.ts";

type Content = Pick<Outbound, "body" | "warnings" | "hidesUsage" | "emulation">;

/**
 * The body as it leaves, in its dialect's plain form. Bytes that nothing touches stay as they are.
 * @throws GatewayError `unsupported_feature` when something would be lost and that is not wanted
 */
export function applyParameters(inbound: Inbound, shell: Shell, content: Content): Content {
  const { allow, drop, extraBody } = shell.candidate.parameters;
  const allowed = shell.relayed ? {} : allowedOf(inbound, allow);
  const warnings = content.warnings.filter(({ field }) => !Object.hasOwn(allowed, rootOf(field)));
  const mode = inbound.unsupported ?? shell.candidate.parameters.unsupported;
  if (mode === "error") refuseLosses(warnings, shell);
  let { body } = content;
  if (drop.length > 0 || Object.keys(extraBody).length + Object.keys(allowed).length > 0) {
    let bytes: Uint8Array = typeof body === "string" ? Buffer.from(body) : body;
    for (const path of drop) bytes = withoutPath(bytes, stepsOf(path)) ?? bytes;
    const present = scan(bytes);
    const missing = Object.entries(allowed).filter(([name]) => !present.has(name));
    body = withMembers(bytes, { ...Object.fromEntries(missing), ...extraBody });
  }
  return { ...content, body, warnings: mode === "drop" ? [] : warnings };
}

/** Fields of the client's body that go through although the target's dialect does not know them. */
function allowedOf(inbound: Inbound, names: readonly string[]): Record<string, unknown> {
  if (names.length === 0) return {};
  const { json } = inbound.body();
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(json, name)).map((name) => [name, json[name]]),
  );
}

/** @example rootOf("tools[0].strict") // → "tools" */
const rootOf = (field: string): string => /^[^.[]*/.exec(field)?.[0] ?? field;

/** @example stepsOf("tools[*].strict") // → ["tools", "*", "strict"] */
export const stepsOf = (path: string): string[] => path.replaceAll(/\[\*?\]/g, ".*").split(".");

const shownLosses = 10;

function refuseLosses(warnings: readonly Warning[], { candidate }: Shell): void {
  const [first] = warnings;
  if (!first) return;
  const shown = warnings
    .slice(0, shownLosses)
    .map(({ field, reason }) => `\`${field}\`: ${reason}`);
  const more = warnings.length > shownLosses ? `; and ${warnings.length - shownLosses} more` : "";
  throw new GatewayError(
    "unsupported_feature",
    `\`${candidate.provider.name}/${candidate.model}\` cannot take all of this request (${shown.join("; ")}${more}). Leave these out, or let them be dropped: \`${unsupportedHeader}: warn\`.`,
    { param: first.field },
  );
}
