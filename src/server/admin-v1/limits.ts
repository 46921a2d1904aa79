// Rate limits: how much subjects may ask for in a minute, an hour or a day, and at once.
import { z } from "zod";
import { limitUnits, limitWindows, type RateLimitFields } from "../../store/directory-types.ts";
import { requirePermission } from "./authorize.ts";
import { defineResource, resourceRoutes } from "./resource.ts";
import { reachOfSubjects } from "./subject-reach.ts";
import { fromStamp, fromSubject, modelPattern, page, stamp, subject, toSubject } from "./wire.ts";

const unit = z.enum(limitUnits).describe("What is counted; `parallel`: requests at once.");
const window = z
  .enum(limitWindows)
  .nullable()
  .describe("Sliding. `null` for `parallel`; a minute where it is not given.");
const amount = z.int().min(0).describe("At most so many.");

const create = z.strictObject({
  subject,
  model: modelPattern.optional(),
  unit,
  window: window.optional(),
  amount,
});

const toFields = (body: Partial<z.infer<typeof create>>): Partial<RateLimitFields> => {
  const { subject: on, ...same } = body;
  return { ...same, ...(on !== undefined && { subject: toSubject(on) }) };
};

const limits = defineResource({
  name: "limit",
  plural: "limits",
  collection: (directory) => directory.limits,
  shape: z
    .object({ ...stamp, subject, model: modelPattern, unit, window, amount })
    .meta({ id: "Limit" }),
  show: (limit) => ({
    ...fromStamp(limit),
    subject: fromSubject(limit.subject),
    model: limit.model,
    unit: limit.unit,
    window: limit.window,
    amount: limit.amount,
  }),
  defaults: { model: null, window: null },
  create,
  update: create.partial(),
  toCreate: (body) => ({
    ...toFields(body),
    subject: toSubject(body.subject),
    unit: body.unit,
    amount: body.amount,
  }),
  toUpdate: toFields,
  filter: z.strictObject({ ...page, subject: subject.optional(), unit: unit.optional() }),
  toQuery: ({ subject: on, ...filter }) => ({ ...filter, subject: on ? toSubject(on) : undefined }),
  placeOf: (limit, directory) => reachOfSubjects([limit.subject], directory, "change"),
  reachOf: (limit, directory, purpose) => reachOfSubjects([limit.subject], directory, purpose),
  async guard({ actor, services }, { before, after }) {
    if (before === null || after === null) return;
    const reach = await reachOfSubjects([after.subject], services.store.directory, "change");
    requirePermission(actor, "limit.create", reach);
  },
});

export const limitRoutes = resourceRoutes(limits);
