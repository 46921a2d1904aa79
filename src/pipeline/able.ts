// Which of a request's deployments can answer it, by what is known of their models, and who loses nothing of it.
import { modelFacts } from "../catalog/facts.ts";
import type { ResolvedProvider } from "../config/config.ts";
import { dialects } from "../dialects/index.ts";
import { GatewayError } from "../ir/error.ts";
import { type Candidate, deploymentId, modelId } from "../routing/candidate.ts";
import {
  type Abilities,
  lacks,
  type Need,
  needsOf,
  possibleNeeds,
} from "../routing/capabilities.ts";
import { type Observer, tellExcluded } from "../routing/fact.ts";
import { createRecentMap } from "../routing/recent-map.ts";
import type { Inbound } from "./inbound.ts";
import { buildOutbound, chooseEndpoint, targetOf } from "./outbound.ts";

/** What a client is told of its request. */
export type Note = { field: string; reason: string };

/** Those that are not known to lack what the request needs; all where that leaves nobody, since the provider itself says it best. */
export async function capable(
  inbound: Inbound,
  candidates: Candidate[],
  note: Observer | undefined,
): Promise<{ candidates: Candidate[]; note?: Note }> {
  const isOneModel = new Set(candidates.map(modelId)).size < 2;
  if (isOneModel || inbound.operation !== "chat") return { candidates };
  const possible = possibleNeeds(inbound.bytes);
  const known = await Promise.all(
    candidates.map((each) => abilitiesOf(inbound, each, possible.kinds.has("a JSON schema"))),
  );
  // Reading the whole request is left to the few for which it matters.
  if (known.every((abilities) => lacks(possible, abilities).length === 0)) return { candidates };
  const needs = needsOf(inbound.chat().value);
  const missing = known.map((abilities) => lacks(needs, abilities));
  const able = ableOf(candidates, missing);
  tellExcluded(note, [candidates.map(deploymentId), (able ?? candidates).map(deploymentId)], {
    idOf: (id) => id,
    why: (id) =>
      `lacks ${missing[candidates.findIndex((c) => deploymentId(c) === id)]?.join(", ")}`,
  });
  if (able) return { candidates: able };
  const kinds = [...new Set(missing.flat())].join(", ");
  return {
    candidates,
    note: { field: "model", reason: `no deployment is known to have all it needs (${kinds})` },
  };
}

/** Undefined where nobody is left. Where all are too small for the request, those that stand ready for that are asked at once. */
function ableOf(
  candidates: readonly Candidate[],
  missing: readonly (readonly Need[])[],
): Candidate[] | undefined {
  const able = candidates.filter((_, at) => missing[at]?.length === 0);
  if (able.some(({ fallbackFor }) => fallbackFor === undefined)) return able;
  const isTooLong = candidates.some(
    ({ fallbackFor }, at) =>
      fallbackFor === undefined && missing[at]?.includes("context length") === true,
  );
  if (!isTooLong || !able.some(({ fallbackFor }) => fallbackFor === "context_window")) {
    return undefined;
  }
  return able.map((each) => {
    if (each.fallbackFor !== "context_window") return each;
    const { fallbackFor: _, ...own } = each;
    return own;
  });
}

const knownModels = 500;
const factsBy = new WeakMap<ResolvedProvider, ReturnType<typeof createRecentMap<Abilities>>>();

async function abilitiesOf(
  inbound: Inbound,
  candidate: Candidate,
  forSchema: boolean,
): Promise<Abilities> {
  const { provider, model } = candidate;
  const facts = factsBy.get(provider) ?? createRecentMap<Abilities>(knownModels);
  factsBy.set(provider, facts);
  const found = facts.get(model) ?? (await modelFacts(provider.preset.id, model));
  facts.set(model, found);
  const endpoint = forSchema ? chooseEndpoint(inbound, candidate) : undefined;
  if (!endpoint) return found;
  const jsonSchema = dialects[endpoint.dialect].enforcesSchema?.(await targetOf(candidate)) ?? true;
  return { ...found, jsonSchema };
}

/** Those first whose request loses nothing on its way to them. */
export async function losslessFirst(
  candidates: Candidate[],
  seenBy: (candidate: Candidate) => Inbound,
): Promise<Candidate[]> {
  const isWhole = async (candidate: Candidate): Promise<boolean> => {
    const seen = seenBy(candidate);
    const endpoint = chooseEndpoint(seen, candidate);
    if (!endpoint) return false;
    try {
      const { warnings } = await buildOutbound(seen, candidate, endpoint, async (each) => each);
      return warnings.length === 0;
    } catch (error) {
      if (error instanceof GatewayError) return false;
      throw error;
    }
  };
  const whole = await Promise.all(candidates.map(isWhole));
  return [...candidates.filter((_, at) => whole[at]), ...candidates.filter((_, at) => !whole[at])];
}
