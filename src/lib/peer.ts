// Whom a request came from, by the connection it came over: what the request says of itself does not count.

const peers = new WeakMap<Request, string>();

/** Noted by the listener. */
export function notePeer(request: Request, address: string | undefined): void {
  if (address !== undefined) peers.set(request, address);
}

/** Null where it came over no connection. */
export const peerOf = (request: Request): string | null => peers.get(request) ?? null;
