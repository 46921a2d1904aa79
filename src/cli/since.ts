// `--since`: how far back a report goes.
import { now } from "../lib/clock.ts";
import { ExitError, exitCodes } from "./exit.ts";

const unitMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `7d`, `24h`, `90m`, `2w` or an ISO date, as milliseconds since the epoch. @throws ExitError `usage` */
export function parseSince(text: string): number {
  const [, count, unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const unitLength = unitMs[unit];
  if (unitLength !== undefined) return Math.max(0, now() - Number(count) * unitLength);
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(date)) return date;
  throw new ExitError(
    exitCodes.usage,
    `--since takes 90m, 24h, 7d, 2w or a date such as 2026-01-31, not \`${text}\`.`,
  );
}
