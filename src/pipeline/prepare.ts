// What a candidate gets of a request: one upstream request, several, or none where the gateway counts tokens itself.
import { GatewayError } from "../ir/error.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Inbound } from "./inbound.ts";
import { createJob, type Job } from "./operations.ts";
import { buildOutbound, chooseEndpoint, type Outbound, type Restore } from "./outbound.ts";

export type Prepared =
  | { kind: "request"; outbound: Outbound }
  | { kind: "job"; job: Job }
  | { kind: "count" };

/** Sends nothing. @throws GatewayError `unsupported_feature`, `invalid_request` and whatever else keeps it from going there */
export async function prepare(
  inbound: Inbound,
  candidate: Candidate,
  restore: Restore,
): Promise<Prepared> {
  const endpoint = chooseEndpoint(inbound, candidate);
  if (!endpoint) {
    if (inbound.dialect.encodeTokenCount && inbound.operation === "count-tokens") {
      return { kind: "count" };
    }
    throw new GatewayError(
      "unsupported_feature",
      `The provider \`${candidate.provider.name}\` has no ${inbound.operation} endpoint that the gateway can reach from this API.`,
    );
  }
  const job = await createJob(inbound, candidate, endpoint);
  if (job) return { kind: "job", job };
  return { kind: "request", outbound: await buildOutbound(inbound, candidate, endpoint, restore) };
}
