// Durations and sizes as people write them.

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Timers count milliseconds in 31 bits. */
export const maxDurationMs = 24 * durationUnits.d;

export const durationPattern = /^(?:\d+|(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)$/;

/**
 * Milliseconds of `250ms`, `30s`, `1.5h`, `1m30s` or bare milliseconds; undefined when it is none of these.
 * @example parseDuration("1m30s") // → 90000
 */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * durationUnits[unit as keyof typeof durationUnits];
  }
  return Math.round(total);
}

/** @example formatDuration(90000) // → "1m30s" */
export function formatDuration(durationMs: number): string {
  let rest = durationMs;
  let text = "";
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const amount = Math.floor(rest / durationUnits[unit]);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * durationUnits[unit];
  }
  return text === "" ? "0ms" : text;
}

const sizeUnits = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;

export const sizePattern = /^\d+(?:\.\d+)?\s?(?:[bB]|[kKmMgG](?:i?[bB])?)?$/;

/**
 * Bytes of `512kb`, `32mb`, `1 GiB` or bare bytes (1 kb is 1024 bytes); undefined when it is none of these.
 * @example parseSize("32mb") // → 33554432
 */
export function parseSize(text: string): number | undefined {
  if (!sizePattern.test(text)) return undefined;
  const match = /^([\d.]+)\s?([a-z]*)$/.exec(text.toLowerCase());
  if (match === null) return undefined;
  const unit = `${(match[2] ?? "").replace(/i?b$/, "")}b` as keyof typeof sizeUnits;
  return Math.round(Number(match[1]) * sizeUnits[unit]);
}
