// How ways of signing reach token and metadata servers: through the egress, with short patience.
import type { Egress } from "../egress.ts";
import type { Credentials } from "../providers/provider.ts";

const maxBytes = 1024 * 1024;

/** `proxy`: the provider's own. `signal`: given up with the request that waits for the token. */
export const createTokenFetch =
  (
    egress: Egress,
    life: { proxy?: string | null | undefined; signal: AbortSignal },
  ): Credentials["fetch"] =>
  async ({ url, method = "GET", headers, body, metadata = false, timeoutMs = 10_000 }) => {
    const answer = await egress.send({
      url: new URL(url),
      method,
      headers: new Headers(headers),
      ...(body !== undefined && { body }),
      signal: life.signal,
      timeouts: {
        connectMs: Math.min(timeoutMs, 5_000),
        firstByteMs: timeoutMs,
        idleMs: timeoutMs,
        totalMs: timeoutMs,
      },
      network: metadata ? "metadata" : "public",
      proxy: metadata ? null : life.proxy,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text(maxBytes) };
  };
