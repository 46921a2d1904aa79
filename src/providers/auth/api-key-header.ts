// The key in a header of its own.
import type { Authorize } from "../provider.ts";

/** `<name>: <key>`; nothing without a key. @example apiKeyHeader("x-api-key") */
export const apiKeyHeader =
  (name: string): Authorize =>
  ({ headers }, credentials) => {
    if (credentials.apiKey) headers.set(name, credentials.apiKey.reveal());
  };
