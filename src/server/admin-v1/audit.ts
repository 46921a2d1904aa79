// The audit log: reading it, and proving it whole.
import { z } from "zod";
import type { AuditRow } from "../../store/audit.ts";
import type { AdminRoute } from "./route.ts";
import { listOf, page } from "./wire.ts";

const exactly = (what: string) => z.string().max(200).optional().describe(what);
const filter = z.strictObject({
  ...page,
  actor: exactly("E.g. `admin`, `user:user_0192…`."),
  action: exactly("E.g. `key.update`."),
  kind: exactly("E.g. `key`."),
  subject_id: exactly("Id of what was changed."),
  since_ms: z.coerce.number().int().nonnegative().optional().describe("From then on."),
  until_ms: z.coerce.number().int().nonnegative().optional().describe("Before then."),
});

const row = z
  .object({
    seq: z.int().describe("1, 2, 3 … without gaps."),
    at_ms: z.int(),
    actor: z.string(),
    action: z.string(),
    kind: z.string(),
    subject_id: z.string(),
    before: z.unknown().describe("`null`: there was nothing."),
    after: z.unknown().describe("`null`: there is nothing any more."),
    prev_hash: z.string().describe("Hash of the row before."),
    hash: z.string().describe("SHA-256 over the row and `prev_hash`."),
  })
  .meta({ id: "AuditRow" });

const verdict = z
  .object({
    ok: z.boolean(),
    rows: z.int().optional().describe("How many there are, when all are whole."),
    hash: z
      .string()
      .optional()
      .describe("Of the last one: kept elsewhere, it proves the log whole."),
    seq: z.int().optional().describe("The first broken row."),
    fault: z.enum(["edited", "missing", "reordered", "cut", "forged"]).optional(),
    message: z.string().optional(),
  })
  .meta({ id: "AuditVerdict" });

const show = (each: AuditRow) => ({
  seq: each.seq,
  at_ms: each.atMs,
  actor: each.actor,
  action: each.action,
  kind: each.kind,
  subject_id: each.subjectId,
  before: each.before,
  after: each.after,
  prev_hash: each.prevHash,
  hash: each.hash,
});

export const auditRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/audit",
    tag: "audit",
    summary: "Lists changes, newest first",
    action: "audit.read",
    scope: "gateway",
    query: filter,
    answer: listOf(row),
    status: 200,
    async handle({ services, query }) {
      const { subject_id, since_ms, until_ms, ...same } = query as z.infer<typeof filter>;
      const found = await services.store.audit.list({
        ...same,
        subjectId: subject_id,
        sinceMs: since_ms,
        untilMs: until_ms,
      });
      return { body: { data: found.rows.map(show), next: found.next } };
    },
  },
  {
    method: "POST",
    path: "/audit/verify",
    tag: "audit",
    summary: "Checks every row of the audit log against the one before",
    action: "audit.verify",
    scope: "gateway",
    answer: verdict,
    status: 200,
    handle: async ({ services }) => ({ body: await services.store.audit.verify() }),
  },
];
