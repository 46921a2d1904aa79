// All that is settled of a request before anything is sent: how it reads, what it wishes, who is asked and in which order.
import { tellExcluded } from "../routing/fact.ts";
import { givenIn, type Given } from "../routing/experiment.ts";
import { type Candidate, deploymentId } from "../routing/candidate.ts";
import { reachOf } from "../access/reach.ts";
import { withPath } from "../lib/json-members.ts";
import { grantAddressed } from "./addressed.ts";
import { grant, type Granted } from "./grant.ts";
import { type Asked, type Inbound, inspect } from "./inbound.ts";
import { inSession, type Situation } from "./order.ts";
import { whoMayBeTold } from "./named-models.ts";
import { whoHasReferences } from "./references.ts";
import type { Services } from "./services.ts";
import { headerWishes, type Wishes, wishesOf } from "./wishes.ts";

/** A request as it came. */
export interface Arrival {
  request: Request;
  asked: Asked;
  /** The body, decompressed. */
  bytes: Uint8Array;
}

export interface Plan {
  inbound: Inbound;
  wishes: Wishes;
  /** Best first; who rests is among them. */
  candidates: Candidate[];
  /** The request as a candidate is to see it. */
  seenBy: Granted["seenBy"];
  /** The request with limits on how many tokens its answer may have, and how often the provider's tools are called. */
  capped(
    inbound: Inbound,
    caps: { outputCap?: number; toolCap?: number },
    candidate: Candidate,
  ): Inbound;
  /** The request with another body, and all that is known of it besides. */
  rewritten(inbound: Inbound, bytes: Uint8Array): Inbound;
  /** Names of the guardrails that run for it; absent: none. */
  guardrails?: readonly string[];
  /** To be told who answered, so that the conversation stays there. */
  answered(candidate: Candidate): void;
  /** The arm of an experiment that it was given. */
  experiment: Given | null;
}

/** What planning looks at besides the request. */
export type Planning = Situation & { services: Pick<Services, "conversations" | "owners"> };

/**
 * Sends nothing; whose turn it is and the caches of model lists are all that it changes.
 * @param known told the request as soon as it can be read
 * @throws GatewayError
 */
export async function plan(
  { request, asked, bytes }: Arrival,
  situation: Planning,
  known: (inbound: Inbound) => void,
): Promise<Plan> {
  const { caller, generation, record, services } = situation;
  const { unsupported } = caller;
  const read = (body: Uint8Array): Inbound =>
    inspect(body, request, { ...asked, ...(unsupported && { unsupported }) });
  const inbound = await services.conversations.resume(read(bytes), record.tenant, read);
  known(inbound);
  // What a provider's own path is called with is meant for that provider.
  const wishes = asked.provider ? headerWishes(inbound.headers, caller) : wishesOf(inbound, caller);
  const granted = asked.provider
    ? grantAddressed(
        inbound,
        generation.router.through(asked.provider, inbound.model, reachOf(caller).mayUse),
        wishes,
      )
    : await grant(inbound, wishes, situation, read);
  const open = whoMayBeTold(inbound, granted.candidates, {
    mayUse: reachOf(caller).mayUse,
    isPassedOn: asked.provider !== undefined,
  });
  const onward = whoCanGoOn(inbound, open);
  const able = await whoHasReferences(inbound, onward, situation);
  const gone = (why: string) => ({ idOf: deploymentId, why: () => why });
  tellExcluded(
    situation.note,
    [granted.candidates, open],
    gone("the key may not use there what the request names"),
  );
  tellExcluded(situation.note, [open, onward], gone("does not have the conversation"));
  tellExcluded(situation.note, [onward, able], gone("does not have what the request refers to"));
  const { candidates, answered } = granted.isOrdered
    ? { candidates: able, answered: () => {} }
    : inSession(able, inbound, situation);
  // Who says how they are routed was not drawn.
  const experiment = granted.isOrdered ? null : givenIn(candidates);
  const rewritten: Plan["rewritten"] = (seen, body) => {
    const { goesOn, notes, resumedFrom } = seen;
    return {
      ...read(body),
      // What is known of the conversation, and of the wishes, stands in no body.
      ...(goesOn && { goesOn }),
      ...(notes && { notes }),
      ...(resumedFrom !== undefined && { resumedFrom }),
    };
  };
  const capped: Plan["capped"] = (seen, { outputCap, toolCap }, { provider }) => {
    const path =
      seen.operation === "completions"
        ? ["max_tokens"]
        : seen.bodyDialect.outputCap(provider.preset.quirks);
    let body: Uint8Array = seen.bytes;
    if (outputCap !== undefined) body = withPath(body, path, outputCap);
    if (toolCap !== undefined) body = seen.bodyDialect.toolCalls?.capped(body, toolCap) ?? body;
    return body === seen.bytes ? seen : rewritten(seen, body);
  };
  return {
    inbound,
    wishes,
    candidates,
    seenBy: granted.seenBy,
    capped,
    rewritten,
    answered,
    experiment,
  };
}

/** Only the provider that has the answer before can go on from it. */
function whoCanGoOn({ dialect, goesOn }: Inbound, candidates: Candidate[]): Candidate[] {
  if (!goesOn || goesOn.provider === null) return candidates;
  const { provider: name, account } = goesOn;
  const left = candidates.filter(
    ({ provider, key }) => provider.name === name && (!account || key?.name === account),
  );
  return left.length > 0 ? left : (dialect.state?.unknown(goesOn.id) ?? candidates);
}
