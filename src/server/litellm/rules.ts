// Budgets and limits of one subject, as the flat fields that LiteLLM has for them.
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import { formatNanos, type Nanos } from "../../lib/money.ts";
import { windowAt } from "../../lib/windows.ts";
import type { Budget, LimitUnit, RateLimit } from "../../store/directory-types.ts";
import type { Rules } from "../../store/directory.ts";
import { formatSubject, type Subject } from "../../store/subject.ts";
import { may } from "../admin-v1/authorize.ts";
import { reachOfSubjects } from "../admin-v1/subject-reach.ts";
import { usd } from "./dollars.ts";
import { durationOf, windowOf } from "./duration.ts";
import { iso, type RuleWish } from "./fields.ts";
import type { Scene } from "./route.ts";

/** Names of budgets that were made from one of LiteLLM's own. */
const templatePrefix = "litellm-budget:";

/** The subject that holds the budget of this name for others to be made after; no request has it. */
export const templateOf = (budgetId: string): Subject => ({
  kind: "tag",
  id: `${templatePrefix}${budgetId}`,
});

export const budgetIdOf = (name: string): string | null =>
  name.startsWith(templatePrefix) ? name.slice(templatePrefix.length) : null;

interface Own {
  readonly budgets: readonly Budget[];
  readonly limits: readonly RateLimit[];
}

/** What hangs on this subject alone. Of several the tightest counts, so that is what is shown and set. */
function ownOf({ budgets, limits }: Rules): Own {
  return {
    budgets: budgets
      .filter(({ subjects, each }) => subjects.length === 1 && each === null)
      .toSorted((one, other) => (one.amountNanos < other.amountNanos ? -1 : 1)),
    limits: limits.toSorted((one, other) => one.amount - other.amount),
  };
}

const limitFields = [
  ["tpm_limit", "tokens"],
  ["rpm_limit", "requests"],
  ["max_parallel_requests", "parallel"],
] as const satisfies readonly (readonly [keyof RuleWish, LimitUnit])[];

const minutely = (limit: RateLimit): boolean => limit.window === null || limit.window === "minute";

const limitOf = ({ limits }: Own, unit: LimitUnit, model: string | null): RateLimit | undefined =>
  limits.find((limit) => limit.unit === unit && limit.model === model && minutely(limit));

const budgetOf = ({ budgets }: Own, model: string | null): Budget | undefined =>
  budgets.find((budget) => budget.model === model);

/** The account of a budget that pays now. */
export const accountIdOf = ({ id, window, zone, aligned, createdMs }: Budget): string =>
  `${id}@${windowAt({ window, zone, aligned, anchorMs: createdMs }, now()).startMs}`;

const resetOf = ({ window, zone, aligned, createdMs }: Budget): number | null =>
  windowAt({ window, zone, aligned, anchorMs: createdMs }, now()).endMs;

/** What the actor may know of a subject's budgets and limits. */
export interface Shown {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The one for all models. */
  readonly budget: Budget | null;
  readonly isEmpty: boolean;
}

export async function showRules(scene: Scene, subject: Subject): Promise<Shown> {
  const { directory } = scene.services.store;
  const visible = may(
    scene.actor,
    "budget.read",
    await reachOfSubjects([subject], directory, "see"),
  );
  const own = ownOf(visible ? await directory.rules(subject) : { budgets: [], limits: [] });
  const budget = budgetOf(own, null) ?? null;
  const soft = budget?.thresholds[0];
  const perModel = own.budgets.filter(({ model }) => model !== null);
  const modelLimits = (unit: LimitUnit) =>
    Object.fromEntries(
      own.limits
        .filter((limit) => limit.unit === unit && limit.model !== null && minutely(limit))
        .toReversed()
        .map(({ model, amount }) => [model ?? "", amount]),
    );
  const reset = budget && resetOf(budget);
  return {
    budget,
    isEmpty: own.budgets.length === 0 && own.limits.length === 0,
    fields: {
      max_budget: budget && usd(budget.amountNanos),
      soft_budget: budget && soft !== undefined ? usd(shareOf(budget.amountNanos, soft)) : null,
      budget_duration: budget && durationOf(budget.window),
      budget_reset_at: reset === null ? null : iso(reset),
      budget_id: budget && budgetIdOf(budget.name),
      ...Object.fromEntries(
        limitFields.map(([field, unit]) => [field, limitOf(own, unit, null)?.amount ?? null]),
      ),
      model_max_budget: Object.fromEntries(
        perModel
          .toReversed()
          .map(({ model, amountNanos, window }) => [
            model ?? "",
            { budget_limit: usd(amountNanos), time_period: durationOf(window) },
          ]),
      ),
      model_tpm_limit: modelLimits("tokens"),
      model_rpm_limit: modelLimits("requests"),
    },
  };
}

/** A threshold is a share, not money: what it comes to is shown to the millionth. */
const shareOf = (amount: Nanos, share: number): Nanos =>
  (amount * BigInt(Math.round(share * 1_000_000))) / 1_000_000n;

/** What is wished for a budget: undefined stays, null goes. */
interface BudgetWish {
  amount: Nanos | null | undefined;
  duration: string | null | undefined;
  soft?: Nanos | null | undefined;
}

/** Whether anything is said of budgets and limits. */
export const saysRules = (wish: RuleWish): boolean =>
  Object.values(wish).some(
    (value) =>
      value !== undefined &&
      value !== null &&
      !(typeof value === "object" && Object.keys(value).length === 0),
  );

/** Makes, changes and removes what the fields say. @throws GatewayError */
export async function setRules(
  scene: Scene,
  subject: Subject,
  { wish, name, budgetId }: { wish: RuleWish; name: string; budgetId?: string },
): Promise<void> {
  checkWish(wish);
  const own = ownOf(await scene.services.store.directory.rules(subject));
  const title = budgetId === undefined ? name : templateOf(budgetId).id;
  const { max_budget: amount, soft_budget: soft, budget_duration: duration } = wish;
  await setBudget(scene, budgetOf(own, null), {
    subject,
    model: null,
    name: title,
    isRenamed: budgetId !== undefined,
    wish: { amount, duration, soft },
  });
  for (const [model, each] of Object.entries(wish.model_max_budget ?? {})) {
    await setBudget(scene, budgetOf(own, model), {
      subject,
      model,
      name: `${title} ${model}`.slice(0, 200),
      isRenamed: false,
      wish: modelWish(each),
    });
  }
  const limits = [
    ...limitFields.map(([field, unit]) => ({ unit, model: null, amount: wish[field] })),
    ...perModel("tokens", wish.model_tpm_limit),
    ...perModel("requests", wish.model_rpm_limit),
  ];
  for (const { unit, model, amount: most } of limits) {
    const known = limitOf(own, unit, model);
    if (most === undefined) continue;
    if (most === null) {
      if (known) await scene.perform("DELETE", "/limits/{id}", { id: known.id });
    } else if (known) {
      await scene.perform("PATCH", "/limits/{id}", { id: known.id, body: { amount: most } });
    } else {
      const body = { subject: formatSubject(subject), model, unit, amount: most };
      await scene.perform("POST", "/limits", { body });
    }
  }
}

const perModel = (unit: LimitUnit, wished: Readonly<Record<string, number>> | null | undefined) =>
  Object.entries(wished ?? {}).map(([model, amount]) => ({ unit, model, amount }));

function modelWish(each: NonNullable<RuleWish["model_max_budget"]>[string]): BudgetWish {
  if (typeof each !== "object" || each === null) return { amount: each, duration: undefined };
  return {
    amount: each.max_budget ?? each.budget_limit,
    duration: each.budget_duration ?? each.time_period,
  };
}

/** Nothing is written before all of it is known to be well formed. @throws GatewayError `invalid_request` */
export function checkWish(wish: RuleWish): void {
  if (wish.budget_duration) windowOf(wish.budget_duration);
  for (const each of Object.values(wish.model_max_budget ?? {})) {
    const { duration } = modelWish(each);
    if (duration) windowOf(duration);
  }
}

async function setBudget(
  scene: Scene,
  known: Budget | undefined,
  target: {
    subject: Subject;
    model: string | null;
    name: string;
    /** Also one that has a name already. */
    isRenamed: boolean;
    wish: BudgetWish;
  },
): Promise<void> {
  const { subject, model, name, wish } = target;
  const { amount, duration, soft } = wish;
  if (amount === null) {
    if (known) await scene.perform("DELETE", "/budgets/{id}", { id: known.id });
    return;
  }
  const size = amount ?? known?.amountNanos;
  if (size === undefined) {
    if (duration) scene.warn("budget_duration", "nothing to begin anew: there is no max_budget");
    if (soft) scene.warn("soft_budget", "only a share of a max_budget raises an alert here");
    return;
  }
  const chosen = duration === undefined ? null : windowOf(duration);
  if (chosen && !chosen.isExact) {
    const reason = `budgets begin anew each 1h, 1d, 7d or 30d, or never: it is ${durationOf(chosen.window) ?? "never"}`;
    scene.warn("budget_duration", reason);
  }
  const thresholds = thresholdsOf(scene, size, soft);
  const changed = {
    amount_usd: formatNanos(size),
    ...(chosen && { window: chosen.window }),
    ...(thresholds && { thresholds }),
  };
  if (known) {
    const body = { ...(target.isRenamed && { name }), ...changed };
    await scene.perform("PATCH", "/budgets/{id}", { id: known.id, body });
    return;
  }
  const subjects = [formatSubject(subject)];
  const body = { name, model, window: "total", ...changed, subjects };
  await scene.perform("POST", "/budgets", { body });
}

function thresholdsOf(scene: Scene, size: Nanos, soft: Nanos | null | undefined): number[] | null {
  if (soft === undefined) return null;
  if (soft === null || size === 0n) return [];
  if (soft > size) {
    scene.warn("soft_budget", "larger than max_budget: nothing would ever come to it");
    return [];
  }
  const share = Number((soft * 1_000_000n) / size) / 1_000_000;
  return share > 0 ? [share] : [];
}

/** The fields of the budget that is called so. @throws GatewayError `not_found` */
export async function readTemplate(scene: Scene, budgetId: string): Promise<RuleWish> {
  const subject = templateOf(budgetId);
  const { directory } = scene.services.store;
  const visible = may(
    scene.actor,
    "budget.read",
    await reachOfSubjects([subject], directory, "see"),
  );
  const own = ownOf(visible ? await directory.rules(subject) : { budgets: [], limits: [] });
  if (own.budgets.length === 0 && own.limits.length === 0) {
    throw new GatewayError("not_found", `There is no budget \`${budgetId.slice(0, 100)}\`.`, {
      param: "budget_id",
    });
  }
  const budget = budgetOf(own, null);
  const soft = budget?.thresholds[0];
  const models = own.budgets.filter(({ model }) => model !== null);
  return {
    ...(budget && {
      max_budget: budget.amountNanos,
      budget_duration: durationOf(budget.window),
      soft_budget: soft === undefined ? null : shareOf(budget.amountNanos, soft),
    }),
    ...Object.fromEntries(
      limitFields.flatMap(([field, unit]) => {
        const limit = limitOf(own, unit, null);
        return limit ? [[field, limit.amount]] : [];
      }),
    ),
    model_max_budget: Object.fromEntries(
      models.map(({ model, amountNanos, window }) => [
        model ?? "",
        {
          max_budget: amountNanos,
          budget_limit: undefined,
          budget_duration: durationOf(window),
          time_period: undefined,
        },
      ]),
    ),
  };
}

/** What a request says of budgets and limits, over the budget that it names, if any. @throws GatewayError */
export async function wishOf(
  scene: Scene,
  asked: RuleWish,
): Promise<{ wish: RuleWish; budgetId?: string }> {
  const {
    max_budget,
    soft_budget,
    budget_duration,
    tpm_limit,
    rpm_limit,
    max_parallel_requests,
    model_max_budget,
    model_tpm_limit,
    model_rpm_limit,
    budget_id,
  } = asked;
  const own: RuleWish = {
    max_budget,
    soft_budget,
    budget_duration,
    tpm_limit,
    rpm_limit,
    max_parallel_requests,
    model_max_budget,
    model_tpm_limit,
    model_rpm_limit,
  };
  checkWish(own);
  if (!budget_id) return { wish: own };
  const given = Object.fromEntries(
    Object.entries(own).filter(([, value]) => value !== undefined && value !== null),
  );
  return { wish: { ...(await readTemplate(scene, budget_id)), ...given }, budgetId: budget_id };
}
