// Who is asked for what is relayed without being understood: as its headers wish, and its body where that is JSON.
import { reachOf } from "../access/reach.ts";
import type { Candidate } from "../routing/candidate.ts";
import { grantAddressed } from "./addressed.ts";
import { grant } from "./grant.ts";
import { type Asked, type Inbound, inspect } from "./inbound.ts";
import { inSession } from "./order.ts";
import type { Planning } from "./plan.ts";
import { whoHas } from "./references.ts";
import type { Unmet } from "./wish-values.ts";
import { headerWishes, type Wishes, wishesOf } from "./wishes.ts";

/** What is relayed, as far as routing may know it. */
export interface Relayed {
  request: Request;
  asked: Asked;
  /** The body where it is JSON; null where only `model` is known of it. */
  json: Uint8Array | null;
  /** As it stands outside of a JSON body; empty where nothing names one. */
  model: string;
  stream: boolean;
  /** Ids of a provider's objects that it goes by. */
  references: readonly string[];
  /** What this door cannot do of what is wished. */
  unheard(wishes: Wishes): readonly Unmet[];
}

export interface RelayPlan {
  wishes: Wishes;
  /** Best first. */
  candidates: Candidate[];
  /** The request as a candidate is to see it: without what was meant for the gateway, and with what could not be done. */
  seenBy(candidate: Candidate): Inbound;
  /** To be told who answered, so that the conversation stays there. */
  answered(candidate: Candidate): void;
}

/** The request as routing sees it. @throws GatewayError `invalid_request` */
export function inboundOf(
  { request, asked, json, model, stream }: Omit<Relayed, "references" | "unheard">,
  { unsupported }: Planning["caller"],
): Inbound {
  // What the path says goes before what stands in a form.
  const named = json === null && model !== "" ? { ...asked, model: asked.model ?? model } : asked;
  const wanted = { ...named, ...(unsupported && { unsupported }) };
  return { ...inspect(json ?? nothing, request, wanted), stream };
}

const nothing = Buffer.from("{}");

/** Takes turns, as `plan` does, and sends nothing. @throws GatewayError */
export async function planRelay(
  inbound: Inbound,
  relayed: Relayed,
  situation: Planning,
): Promise<RelayPlan> {
  const { caller, generation } = situation;
  const { provider } = relayed.asked;
  const read = (bytes: Uint8Array): Inbound => inboundOf({ ...relayed, json: bytes }, caller);
  const wishes = provider ? headerWishes(inbound.headers, caller) : wishesOf(inbound, caller);
  const { mayUse } = reachOf(caller);
  const granted = provider
    ? grantAddressed(inbound, generation.router.through(provider, inbound.model, mayUse), wishes)
    : await grant(inbound, wishes, situation, read);
  const able = await whoHas(relayed.references, granted.candidates, situation);
  const { candidates, answered } = granted.isOrdered
    ? { candidates: able, answered: () => {} }
    : inSession(able, inbound, situation);
  const unheard = relayed.unheard(wishes);
  return {
    wishes,
    candidates,
    answered,
    seenBy(candidate) {
      const seen = granted.seenBy(candidate);
      return unheard.length === 0 ? seen : { ...seen, notes: [...(seen.notes ?? []), ...unheard] };
    },
  };
}

/** `why`: what this door is not. */
export const unheardPatience = (
  { patience = {} }: Wishes,
  names: readonly (keyof typeof patienceHeaders)[],
  why: string,
): Unmet[] =>
  names.flatMap((name) =>
    patience[name] === undefined ? [] : [{ field: patienceHeaders[name], reason: why }],
  );

const patienceHeaders = {
  firstTokenMs: "x-megallm-first-token-timeout-ms",
  idleMs: "x-megallm-idle-timeout-ms",
} as const;
