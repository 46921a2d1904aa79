// Budgets: hard bounds on what subjects may spend in a window of time.
import { z } from "zod";
import { budgetWindows, type BudgetFields } from "../../store/directory-types.ts";
import { requirePermission } from "./authorize.ts";
import { defineResource, resourceRoutes } from "./resource.ts";
import { reachOfSubjects } from "./subject-reach.ts";
import {
  fromNanos,
  fromStamp,
  fromSubject,
  modelPattern,
  name,
  page,
  search,
  stamp,
  subject,
  toNanos,
  toSubject,
  usd,
} from "./wire.ts";

const window = z
  .enum(budgetWindows)
  .describe("How long it lasts until it begins anew; `total`: for ever.");
const zone = z.string().min(1).max(60).describe("IANA zone of its calendar, e.g. `Europe/Berlin`.");
const aligned = z
  .boolean()
  .describe("`true`: full hours, days, weeks, months of the zone; `false`: from its creation on.");
const subjects = z.array(subject).min(1).max(100).describe("Several share one pool.");
const each = z
  .enum(["end_user", "tag"])
  .nullable()
  .describe("The amount holds for each end user, or each tag, separately.");
const thresholds = z
  .array(z.number().gt(0).max(1))
  .max(20)
  .describe("Shares of the amount that raise an alert, e.g. `[0.8, 0.95]`.");

const create = z.strictObject({
  name,
  amount_usd: usd,
  window,
  zone: zone.optional(),
  aligned: aligned.optional(),
  subjects,
  model: modelPattern.optional(),
  each: each.optional(),
  thresholds: thresholds.optional(),
});

const toFields = (body: Partial<z.infer<typeof create>>): Partial<BudgetFields> => {
  const { amount_usd, subjects: texts, ...same } = body;
  const amountNanos = amount_usd === undefined ? null : toNanos(amount_usd);
  return {
    ...same,
    ...(amountNanos !== null && { amountNanos }),
    ...(texts && { subjects: texts.map(toSubject) }),
  };
};

const budgets = defineResource({
  name: "budget",
  plural: "budgets",
  collection: (directory) => directory.budgets,
  shape: z
    .object({
      ...stamp,
      name,
      amount_usd: z.string(),
      window,
      zone,
      aligned,
      subjects,
      model: modelPattern,
      each,
      thresholds,
    })
    .meta({ id: "Budget" }),
  show: (budget) => ({
    ...fromStamp(budget),
    name: budget.name,
    amount_usd: fromNanos(budget.amountNanos),
    window: budget.window,
    zone: budget.zone,
    aligned: budget.aligned,
    subjects: budget.subjects.map(fromSubject),
    model: budget.model,
    each: budget.each,
    thresholds: budget.thresholds,
  }),
  defaults: { zone: "UTC", aligned: true, model: null, each: null, thresholds: [] },
  create,
  update: create.partial(),
  toCreate: (body) => ({
    ...toFields(body),
    name: body.name,
    window: body.window,
    amountNanos: toNanos(body.amount_usd) ?? 0n,
    subjects: body.subjects.map(toSubject),
  }),
  toUpdate: toFields,
  filter: z.strictObject({ ...page, ...search, subject: subject.optional() }),
  toQuery: ({ subject: on, ...filter }) => ({ ...filter, subject: on ? toSubject(on) : undefined }),
  placeOf: (budget, directory) => reachOfSubjects(budget.subjects, directory, "change"),
  reachOf: (budget, directory, purpose) => reachOfSubjects(budget.subjects, directory, purpose),
  async guard({ actor, services }, { before, after }) {
    if (before === null || after === null) return;
    // It may be moved only to where one could have made it.
    const reach = await reachOfSubjects(after.subjects, services.store.directory, "change");
    requirePermission(actor, "budget.create", reach);
  },
});

export const budgetRoutes = resourceRoutes(budgets);
