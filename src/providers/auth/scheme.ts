// The key in the `authorization` header under another scheme than `Bearer`, or none.
import type { Authorize } from "../provider.ts";

/** `authorization: <scheme> <key>`, or the key alone without a scheme; nothing without a key. @example authorizationScheme("Token") */
export const authorizationScheme =
  (scheme = ""): Authorize =>
  ({ headers }, { apiKey }) => {
    if (apiKey) headers.set("authorization", `${scheme} ${apiKey.reveal()}`.trimStart());
  };
