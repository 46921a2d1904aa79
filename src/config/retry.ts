// When failed requests are tried again, as written.
import type { Retry } from "./config.ts";

interface WrittenRetry {
  retries?: number | undefined;
  max_attempts?: number | undefined;
  replay?: boolean | undefined;
}

export const defaultRetry: Retry = { retries: 2, maxAttempts: 8, replay: false };

export const readRetry = ({ retries, max_attempts, replay }: WrittenRetry): Partial<Retry> => ({
  ...(retries === undefined ? {} : { retries }),
  ...(max_attempts === undefined ? {} : { maxAttempts: max_attempts }),
  ...(replay === undefined ? {} : { replay }),
});
