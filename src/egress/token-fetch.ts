// How ways of signing reach token and metadata servers: through the egress, with short patience.
import type { Egress } from "../egress.ts";
import type { Credentials } from "../providers/provider.ts";

const maxBytes = 1024 * 1024;

/** `proxy`: the provider's own. An exchange outlives the request that began it, since others may wait for the same token. */
export const createTokenFetch =
  (egress: Egress, proxy: string | null | undefined): Credentials["fetch"] =>
  async ({ url, method = "GET", headers, body, metadata = false, timeoutMs = 10_000 }) => {
    const answer = await egress.send({
      url: new URL(url),
      method,
      headers: new Headers(headers),
      ...(body !== undefined && { body }),
      signal: AbortSignal.timeout(timeoutMs),
      timeouts: {
        connectMs: Math.min(timeoutMs, 5_000),
        firstByteMs: timeoutMs,
        idleMs: timeoutMs,
        totalMs: timeoutMs,
      },
      network: metadata ? "metadata" : "public",
      proxy: metadata ? null : proxy,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text(maxBytes) };
  };
