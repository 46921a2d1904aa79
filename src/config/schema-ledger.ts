// How long the ledger keeps what, as users write it.
import { z } from "zod";
import type { LedgerSettings } from "./config.ts";
import { field } from "./field.ts";
import { durationPattern, parseDuration, parseSize, sizePattern } from "./quantity.ts";

const dayMs = 86_400_000;
const maxAgeMs = 36_500 * dayMs;
const ageMessage = "expected an age such as `90d` or `12h`, at least `1h`, or `forever`";

/** An age in milliseconds; null: for ever. */
const age = z
  .string(ageMessage)
  .regex(new RegExp(`^forever$|${durationPattern.source}`), ageMessage)
  .transform((text, context): number | null => {
    if (text === "forever") return null;
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= 3_600_000 && ms <= maxAgeMs) return ms;
    context.addIssue({ code: "custom", message: ageMessage });
    return z.NEVER;
  })
  .meta({ kind: "age or `forever`" });

const minSize = 16 * 1024 ** 2;
const sizeMessage = "expected a size from `16mb` to `16384gb`, or `off` for no limit";

const wholeSize = z
  .union([
    z.int(sizeMessage),
    z.string().regex(new RegExp(`^off$|${sizePattern.source}`), sizeMessage),
  ])
  .transform((value, context): number | null => {
    if (value === "off") return null;
    const bytes = typeof value === "number" ? value : parseSize(value);
    if (bytes !== undefined && bytes >= minSize && bytes <= 16_384 * 1024 ** 3) return bytes;
    context.addIssue({ code: "custom", message: sizeMessage });
    return z.NEVER;
  })
  .meta({ kind: "size or `off`" });

const keep = z.strictObject({
  rows: field(
    age.default(90 * dayMs),
    "One row for each request and one for each attempt. Their sums stay.",
    "1d",
    { defaultText: "90d" },
  ),
  hours: field(
    age.default(400 * dayMs),
    "Sums by hour, for reports that begin or end within a day.",
    "31d",
    { defaultText: "400d" },
  ),
  days: field(age.default(null), "Sums by day.", "3650d", { defaultText: "forever" }),
});

/** What is kept for how long. */
export const ledger = z
  .strictObject({
    durable: field(
      z.enum(["normal", "full"]).default("normal"),
      "What an acknowledged row of the SQLite file survives. `normal`: the death of the process, `kill -9` included, but not always the loss of power. `full`: that too, at the price of a disk flush for each group of requests. PostgreSQL follows its own settings. Taken over at the next start.",
      "full",
    ),
    ambiguous: field(
      z.enum(["charge_input", "charge_hold", "void"]).default("charge_input"),
      "What is charged for an attempt that was sent and of which nothing came back: the connection was reset, or a time limit ended it. The provider may have been at work on it. `charge_input`: its input, as the gateway counts it. `charge_hold`: all that was set aside for it, as unresolved, until `megallm reconcile --resolve` knows better; a budget is then never overrun, and a bad network uses it up. `void`: nothing. What cannot have been sent (no name, no connection, no trust) never costs anything.",
      "charge_hold",
    ),
    keep: field(
      keep.prefault({}),
      "How long what is kept. Charges of budgets and the audit log are kept for ever; so is a request's row while its charge is not resolved.",
      { rows: "30d", hours: "400d", days: "forever" },
      { defaultText: "rows 90 days, hours 400 days, days for ever" },
    ),
    max_size: field(
      wholeSize.default(null),
      "The size from which on the oldest bodies and rows are deleted before their time.",
      "2gb",
      { defaultText: "off" },
    ),
    bodies: field(
      age.default(7 * dayMs),
      "Bodies of requests and answers, where a route or key asks for them with `store_bodies`.",
      "24h",
      { defaultText: "7d" },
    ),
  })
  .transform((value): LedgerSettings => ({
    durable: value.durable,
    ambiguous: value.ambiguous,
    rowsMs: value.keep.rows,
    hoursMs: value.keep.hours,
    daysMs: value.keep.days,
    bodiesMs: value.bodies,
    maxBytes: value.max_size,
  }));

export const storeBodiesText =
  "Keeps the bodies of its requests and answers in the ledger, without credentials and with media cut short, for as long as `ledger.bodies` says. Prompts hold personal data: tell those who write them.";
