// How far a request had come when it failed: whether sending it again may do the same work twice.
import { neverSent } from "../egress/failure.ts";
import type { GatewayError } from "../ir/error.ts";
import { AbortReason } from "../lib/deadline.ts";

/**
 * `not-sent`: the upstream never had it. `answered`: it said what it thinks of it. `unknown`: it may have had it, be at
 * work on it, and bill for it.
 */
export type Delivery = "not-sent" | "answered" | "unknown";

/** Read from what the egress keeps in `cause`. A failure within an answer counts as answered. */
export function deliveryOf({ code, cause, upstream }: GatewayError): Delivery {
  if (upstream?.status !== undefined || code === "upstream_rejected") return "answered";
  // Anything else that is named so was made here, before a byte left.
  if (!code.startsWith("upstream_") || code === "upstream_auth") return "not-sent";
  if (code === "upstream_invalid" || code === "upstream_rate_limited") return "answered";
  const isUnconnected = cause instanceof AbortReason && cause.why === "connect";
  return isUnconnected || neverSent(cause) ? "not-sent" : "unknown";
}
