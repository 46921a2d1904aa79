// The key as an OAuth-style bearer token.
import type { Authorize } from "../provider.ts";

/** `authorization: Bearer <key>`; nothing without a key. RFC 6750, section 2.1. */
export const bearer =
  (): Authorize =>
  ({ headers }, credentials) => {
    if (credentials.apiKey) headers.set("authorization", `Bearer ${credentials.apiKey.reveal()}`);
  };
