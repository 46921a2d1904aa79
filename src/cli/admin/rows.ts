// What the administration API answers with, as far as the commands read it; the rest goes along for `--json`.
import { z } from "zod";

const stamp = {
  id: z.string(),
  created_at_ms: z.number(),
  version: z.number(),
};
const names = z.array(z.string()).nullable();

export const organizationRow = z.looseObject({
  ...stamp,
  name: z.string(),
  status: z.string(),
  models: names,
});

export const teamRow = z.looseObject({
  ...stamp,
  name: z.string(),
  organization_id: z.string(),
  status: z.string(),
  models: names,
  tags: z.array(z.string()),
});

export const userRow = z.looseObject({
  ...stamp,
  name: z.string(),
  email: z.string(),
  status: z.string(),
  gateway_role: z.string().nullable(),
  models: names,
});

export const membershipRow = z.looseObject({
  ...stamp,
  user_id: z.string(),
  organization_id: z.string(),
  team_id: z.string().nullable(),
  role: z.string(),
});

export const keyRow = z.looseObject({
  ...stamp,
  name: z.string(),
  kind: z.string(),
  last4: z.string(),
  previous_until_ms: z.number().nullable(),
  organization_id: z.string().nullable(),
  team_id: z.string().nullable(),
  user_id: z.string().nullable(),
  expires_at_ms: z.number().nullable(),
  blocked: z.boolean(),
  models: names,
  operations: names,
  aliases: z.record(z.string(), z.string()),
  metadata: z.record(z.string(), z.unknown()),
  tags: z.array(z.string()),
  allowed_ips: names,
  defaults: z.record(z.string(), z.unknown()),
});

export const newKeyRow = z.looseObject({ ...keyRow.shape, key: z.string() });

const budgetParts = {
  name: z.string(),
  amount_usd: z.string(),
  window: z.string(),
  zone: z.string(),
  aligned: z.boolean(),
  subjects: z.array(z.string()),
  model: z.string().nullable(),
  each: z.string().nullable(),
};

export const budgetRow = z.looseObject({
  ...stamp,
  ...budgetParts,
  thresholds: z.array(z.number()),
});

export const spendingRow = z.looseObject({
  ...budgetParts,
  budget_id: z.string(),
  origin: z.string(),
  window_start_ms: z.number(),
  window_end_ms: z.number().nullable(),
  accounts: z.array(
    z.looseObject({
      of: z.string().nullable(),
      spent_usd: z.string(),
      held_usd: z.string(),
      left_usd: z.string(),
    }),
  ),
});

export const limitRow = z.looseObject({
  ...stamp,
  subject: z.string(),
  model: z.string().nullable(),
  unit: z.string(),
  window: z.string().nullable(),
  amount: z.number(),
});

export const auditRow = z.looseObject({
  seq: z.number(),
  at_ms: z.number(),
  actor: z.string(),
  action: z.string(),
  kind: z.string(),
  subject_id: z.string(),
  before: z.unknown(),
  after: z.unknown(),
});

export const auditVerdict = z.looseObject({
  ok: z.boolean(),
  rows: z.number().optional(),
  hash: z.string().optional(),
  seq: z.number().optional(),
  fault: z.string().optional(),
  message: z.string().optional(),
});

export const alertRow = z.looseObject({
  id: z.string(),
  at_ms: z.number(),
  kind: z.string(),
  message: z.string(),
  budget_id: z.string(),
  budget_name: z.string(),
  of: z.string().nullable(),
  share: z.number().nullable(),
  amount_usd: z.string(),
  spent_usd: z.string(),
  delivery: z.string(),
});

export const statusFacts = z.looseObject({ requireKey: z.boolean().optional() });

export type OrganizationRow = z.infer<typeof organizationRow>;
export type TeamRow = z.infer<typeof teamRow>;
export type UserRow = z.infer<typeof userRow>;
export type MembershipRow = z.infer<typeof membershipRow>;
export type KeyRow = z.infer<typeof keyRow>;
export type NewKeyRow = z.infer<typeof newKeyRow>;
export type BudgetRow = z.infer<typeof budgetRow>;
export type SpendingRow = z.infer<typeof spendingRow>;
export type LimitRow = z.infer<typeof limitRow>;
export type AuditRow = z.infer<typeof auditRow>;
export type AlertRow = z.infer<typeof alertRow>;

/** A page of such rows. */
export const pageOf = <T extends z.ZodType>(row: T) =>
  z.object({ data: z.array(row), next: z.string().nullable() });
