// A request whose guardrails have looked at it: nobody is asked with anything but what they let through.
import { editedJson } from "../guardrails/inspect.ts";
import type { Guard } from "./guard.ts";
import type { Inbound } from "./inbound.ts";
import type { Plan } from "./plan.ts";

export interface GuardedPlan {
  planned: Plan;
  /** The body as the client sent it, with the same changes. */
  edit(bytes: Uint8Array): Uint8Array;
}

/** @throws GatewayError `guardrail_blocked` */
export async function guardPlan(
  first: Plan,
  { input, names }: Pick<Guard, "input" | "names">,
): Promise<GuardedPlan> {
  const planned = { ...first, guardrails: names };
  const edits = await input?.json(bodyOf(planned.inbound));
  if (!edits || edits.size === 0) return { planned, edit: (bytes) => bytes };
  const known = new Map<Inbound, Inbound>();
  const edited = (inbound: Inbound): Inbound => {
    const before = known.get(inbound);
    if (before) return before;
    const made = planned.rewritten(inbound, editedJson(bodyOf(inbound), edits));
    known.set(inbound, made);
    return made;
  };
  return {
    planned: {
      ...planned,
      inbound: edited(planned.inbound),
      seenBy: (candidate) => edited(planned.seenBy(candidate)),
    },
    edit: (bytes) => editedJson(bytes, edits),
  };
}

/** With what its envelope adds, since that is sent as well. */
const bodyOf = ({ bytes, wrapped }: Inbound): Uint8Array => wrapped?.bytes ?? bytes;
