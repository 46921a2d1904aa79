// When an upstream wants to be asked again, in any of the forms it may say so.
import { now } from "./clock.ts";

const number = /^\d{1,15}(?:\.\d+)?$/;
// Date.parse alone takes nearly anything; this admits the three forms of RFC 9110 section 5.6.7.
const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /i;

const zone = /(?:GMT|UTC|Z|[+-]\d{4})$/i;

/**
 * Milliseconds to wait by `retry-after-ms`, else by `retry-after` (seconds or an HTTP date; 0 for a date gone by).
 * Undefined when absent or garbage. The value is not capped: the caller knows how long is too long.
 * @example parseRetryAfter(new Headers({ "retry-after": "1.5" })) // → 1500
 */
export function parseRetryAfter(headers: Headers): number | undefined {
  const exact = headers.get("retry-after-ms")?.trim();
  if (exact !== undefined && number.test(exact)) return Math.ceil(Number(exact));
  const value = headers.get("retry-after")?.trim();
  if (value === undefined) return undefined;
  if (number.test(value)) return Math.ceil(Number(value) * 1000);
  if (!httpDate.test(value)) return undefined;
  const at = Date.parse(zone.test(value) ? value : `${value} GMT`);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now());
}
