// An egress request with defaults, for tests.
import { expect } from "bun:test";
import type { EgressRequest } from "../../../src/egress.ts";
import { GatewayError } from "../../../src/ir/error.ts";

export const noLimits = { connectMs: 0, firstByteMs: 0, idleMs: 0, totalMs: 0 };

/** POST with a small body, to a server that the operator configured. */
export function toUpstream(url: string | URL, more: Partial<EgressRequest> = {}): EgressRequest {
  return {
    url: new URL(url),
    method: "POST",
    headers: new Headers({ "content-type": "application/json" }),
    body: '{"a":1}',
    signal: new AbortController().signal,
    timeouts: { ...noLimits, totalMs: 10_000 },
    network: "private-allowed",
    ...more,
  };
}

/** The GatewayError that `promise` fails with; the test fails when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(GatewayError);
    if (error instanceof GatewayError) return error;
  }
  throw new Error("expected a GatewayError, but nothing failed");
}
