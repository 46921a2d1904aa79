// Looks for servers on this machine by way of the egress.
import type { Egress } from "../egress.ts";
import type { LocalProbe } from "../providers/discover.ts";

/** Reaches local servers for discovery, by way of the egress. */
export function probeBy(egress: Egress): LocalProbe["fetch"] {
  return async (url, init) => {
    const answer = await egress.send({
      url: new URL(url),
      method: init.method ?? "GET",
      headers: new Headers(init.headers),
      signal: init.signal ?? new AbortController().signal,
      timeouts: { connectMs: 300, firstByteMs: 1_000, idleMs: 1_000, totalMs: 2_000 },
      network: "private-allowed",
      proxy: null,
    });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  };
}
