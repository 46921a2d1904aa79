// Wishes of a request whose path, or whose object, settles which provider answers: its time and its region hold, the rest cannot.
import { GatewayError } from "../ir/error.ts";
import type { Candidate } from "../routing/candidate.ts";
import { isWithin } from "../routing/selection.ts";
import type { Granted } from "./grant.ts";
import type { Inbound } from "./inbound.ts";
import type { Unmet } from "./wish-values.ts";
import type { Wishes } from "./wishes.ts";

/**
 * The provider's credentials as the request wishes them asked.
 * @throws GatewayError `invalid_request` where the provider is not known to be in the region
 */
export function addressed(
  candidates: readonly Candidate[],
  { choice, patience }: Wishes,
): Candidate[] {
  const region = choice?.region;
  const here = candidates.filter(({ provider: { settings } }) =>
    isWithin(settings["region"] ?? settings["location"], region),
  );
  const [first] = candidates;
  if (first && here.length === 0) {
    throw new GatewayError(
      "invalid_request",
      `\`${first.provider.name}\` is not known to be in the region \`${region}\`.`,
      { param: "x-megallm-region" },
    );
  }
  return here.map((each) => ({ ...each, ...(patience && { patience }) }));
}

/** What was wished in vain, since nobody else can be asked. */
export const vain = ({ policy, fallbacks }: Wishes): Unmet[] => [
  ...(policy === undefined ? [] : [{ field: "x-megallm-policy", reason: settled }]),
  ...(fallbacks.length === 0 ? [] : [{ field: "x-megallm-fallbacks", reason: settled }]),
];

const settled = "the request is for one provider, so nobody else is asked";

/** As {@link addressed}; the body stays as it is. @throws GatewayError */
export function grantAddressed(
  inbound: Inbound,
  candidates: readonly Candidate[],
  wishes: Wishes,
): Granted {
  const notes = vain(wishes);
  const seen = notes.length === 0 ? inbound : { ...inbound, notes };
  return { candidates: addressed(candidates, wishes), isOrdered: false, seenBy: () => seen };
}
