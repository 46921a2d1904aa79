// Models that a body names besides its own: those of tools that the provider runs, and of lists that it goes through itself.
import type { MayUse } from "../routing/allowed.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";
import { notAllowed } from "../routing/follow.ts";
import { isObject, type JsonObject } from "../lib/json.ts";
import type { Inbound } from "./inbound.ts";

/** Bodies without any of these are not read for it. The last begins an escape, perhaps of a letter of such a name. */
const marks = ['"tools"', '"models"', '"fallbacks"', String.raw`\u00`].map((text) =>
  Buffer.from(text),
);

/**
 * The candidates at which the caller may use all that the body names (fault S21).
 * @param isPassedOn lists of models reach the provider as well
 * @throws GatewayError `forbidden` where that is nobody
 */
export function whoMayBeTold(
  inbound: Inbound,
  candidates: Candidate[],
  { mayUse, isPassedOn }: { mayUse: MayUse | undefined; isPassedOn: boolean },
): Candidate[] {
  const { bytes } = inbound;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!mayUse || !marks.some((mark) => text.includes(mark))) return candidates;
  const names = namesIn(inbound.body().json, isPassedOn);
  const [first] = names;
  if (first === undefined) return candidates;
  const able = candidates.filter(({ provider }) =>
    names.every((model) => mayUse(modelId({ provider, model }))),
  );
  if (able.length === 0) throw notAllowed(first);
  return able;
}

function namesIn({ tools, models, fallbacks }: JsonObject, isPassedOn: boolean): string[] {
  const modelOf = (each: unknown): unknown => (isObject(each) ? each["model"] : undefined);
  const named = [
    ...listOf(tools).map(modelOf),
    ...(isPassedOn
      ? [...listOf(models), ...listOf(fallbacks)].map((each) => modelOf(each) ?? each)
      : []),
  ];
  return named.filter((name) => typeof name === "string");
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
