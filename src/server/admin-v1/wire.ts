// Pieces that the schemas of the administration API are made of.
import { z } from "zod";
import { addressFault } from "../../lib/addresses.ts";
import { formatNanos, parseUsd } from "../../lib/money.ts";
import type { Stamped } from "../../store/directory-types.ts";
import { formatSubject, parseSubject, type Subject } from "../../store/subject.ts";

export const id = (prefix: string, what: string) =>
  z.string().max(60).describe(`Id of ${what}, e.g. \`${prefix}_0192f0c2…\`.`);

export const name = z.string().min(1).max(200).describe("For people.");
export const status = z
  .enum(["active", "blocked"])
  .describe("`blocked`: all requests of its keys are refused until it is `active` again.");
export const models = z
  .array(z.string().min(1).max(200))
  .max(1_000)
  .nullable()
  .describe(
    'Models that may be used: names of routes, or `provider/model`, with `*`. `null`: no limit here; `[]`: none. E.g. `["fast", "openai/*"]`.',
  );
export const metadata = z
  .record(z.string().max(200), z.unknown())
  .describe("Anything, up to 16 KB. It is shown to whoever may see the resource: no secrets.");
export const tags = z
  .array(z.string().min(1).max(200))
  .max(100)
  .describe('Its requests carry these, and budgets and reports go by them. E.g. `["batch"]`.');
export const expiresMs = z
  .int()
  .min(0)
  .max(8_640_000_000_000_000)
  .nullable()
  .describe("From this moment on it is refused, ms since the epoch; `null`: never.");
export const addresses = z
  .array(
    z
      .string()
      .max(60)
      .superRefine((text, context) => {
        const message = addressFault(text);
        if (message !== null) context.addIssue({ code: "custom", message });
      }),
  )
  .max(1_000)
  .nullable()
  .describe(
    'Addresses and CIDR blocks it may be used from; `null`: anywhere. E.g. `["10.0.0.0/8"]`.',
  );
export const modelPattern = z
  .string()
  .min(1)
  .max(200)
  .nullable()
  .describe("Only requests for these models count, with `*`; `null`: all.");

export const subject = z
  .string()
  .max(260)
  .refine(
    (text) => parseSubject(text) !== null,
    "expected `gateway` or `<kind>:<id>`, e.g. `team:team_0192…`",
  )
  .describe(
    "Whom it counts: `gateway`, or `organization:`, `team:`, `user:`, `key:`, `end_user:`, `tag:`, `model:` and an id or name.",
  );

export const toSubject = (text: string): Subject =>
  parseSubject(text) ?? { kind: "gateway", id: "" };

export const fromSubject = formatSubject;

export const usd = z
  .union([z.string().max(40), z.number()])
  .refine(
    (value) => toNanos(value) !== null,
    "expected dollars of 0 or more with at most 9 decimals, e.g. `12.50`",
  )
  .describe("US dollars, as decimal text so that nothing is rounded, e.g. `12.50`.");

/** Null for what is no amount. */
export function toNanos(value: string | number): bigint | null {
  const nanos = parseUsd(String(value));
  return nanos === undefined || nanos < 0n || nanos > 2n ** 62n ? null : nanos;
}

export const fromNanos = formatNanos;

/** What every resource has besides its own. */
export const stamp = {
  id: z.string(),
  created_at_ms: z.int(),
  updated_at_ms: z.int(),
  version: z.int().describe("Grows with every change; the `ETag`."),
};

export const fromStamp = ({ id: own, createdMs, updatedMs, version }: Stamped) => ({
  id: own,
  created_at_ms: createdMs,
  updated_at_ms: updatedMs,
  version,
});

export const page = {
  limit: z.coerce.number().int().min(1).max(500).default(50).describe("Rows on a page."),
  cursor: z.string().max(100).optional().describe("`next` of the page before."),
};

export const search = {
  search: z.string().max(100).optional().describe("Part of a name, whatever its case."),
};

/** A page of such rows. */
export const listOf = (row: z.ZodType) =>
  z.object({
    data: z.array(row).describe("Newest first."),
    next: z
      .string()
      .nullable()
      .describe(
        "`cursor` of the next page; `null` on the last. A page of a search may be short and yet have a next.",
      ),
  });
