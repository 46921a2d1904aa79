// LiteLLM's `/customer/*`: end users by the name that requests give in `user`. They exist as far as they are bounded.
import { z } from "zod";
import { GatewayError } from "../../ir/error.ts";
import type { Subject } from "../../store/subject.ts";
import { requirePermission } from "../admin-v1/authorize.ts";
import { usd } from "./dollars.ts";
import { read, reference, required, ruleFields } from "./fields.ts";
import { readAll } from "./lists.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { accountIdOf, saysRules, setRules, showRules, wishOf } from "./rules.ts";

const customer = z.object({ ...ruleFields, user_id: reference, blocked: z.boolean().nullish() });
const some = z.object({ user_ids: z.array(reference).min(1).max(1_000) });

const subjectOf = (id: string): Subject => ({ kind: "end_user", id });

async function show(scene: Scene, id: string) {
  const { fields, budget, isEmpty } = await showRules(scene, subjectOf(id));
  if (isEmpty) {
    throw new GatewayError("not_found", `There is no customer \`${id.slice(0, 100)}\`.`, {
      param: "user_id",
    });
  }
  const accounts = budget ? [accountIdOf(budget)] : [];
  const [account] = await scene.services.store.accounts.states(accounts);
  return {
    user_id: id,
    alias: null,
    blocked: false,
    // Without a budget nobody counts for end users.
    spend: budget ? usd(account?.spentNanos ?? 0n) : null,
    allowed_model_region: null,
    default_model: null,
    litellm_budget_table: fields,
  };
}

async function set(scene: Scene): Promise<unknown> {
  const { user_id: id, blocked, ...asked } = read(scene, customer);
  if (blocked) {
    const message =
      "Customers are not blocked here. Set `rpm_limit` to 0 to refuse their requests.";
    throw new GatewayError("invalid_request", message, { param: "blocked" });
  }
  const subject = subjectOf(id);
  if (!saysRules(asked) && (await showRules(scene, subject)).isEmpty) {
    const message = "A customer is known by its bounds: give `max_budget`, `budget_id` or a limit.";
    throw new GatewayError("invalid_request", message, { param: "max_budget" });
  }
  requirePermission(scene.actor, "budget.create", [[{}]]);
  await setRules(scene, subject, {
    ...(await wishOf(scene, asked)),
    name: `customer ${id}`.slice(0, 200),
  });
  return show(scene, id);
}

async function remove(scene: Scene): Promise<unknown> {
  const { user_ids: ids } = read(scene, some);
  for (const id of ids) await show(scene, id);
  for (const id of ids) {
    const { budgets, limits } = await scene.services.store.directory.rules(subjectOf(id));
    for (const budget of budgets) await scene.perform("DELETE", "/budgets/{id}", { id: budget.id });
    for (const limit of limits) await scene.perform("DELETE", "/limits/{id}", { id: limit.id });
  }
  return { deleted_customers: ids.length, message: `Deleted customers: ${ids.length}` };
}

async function list(scene: Scene): Promise<unknown> {
  requirePermission(scene.actor, "budget.read", [[{}]]);
  const { budgets, limits } = scene.services.store.directory;
  const found = [
    ...(await readAll((page) => budgets.list(page))).flatMap(({ subjects }) => subjects),
    ...(await readAll((page) => limits.list(page))).map(({ subject }) => subject),
  ];
  const ids = new Set(found.flatMap(({ kind, id }) => (kind === "end_user" ? [id] : [])));
  const rows = [];
  for (const id of [...ids].slice(0, 500)) {
    // One of a pool has nothing of its own.
    if (!(await showRules(scene, subjectOf(id))).isEmpty) rows.push(await show(scene, id));
  }
  return rows;
}

/** Under both of the names that LiteLLM has for them. */
export const customerRoutes: readonly LitellmRoute[] = ["/customer", "/end_user"].flatMap(
  (root): LitellmRoute[] => [
    { method: "POST", path: `${root}/new`, handle: set },
    {
      method: "GET",
      path: `${root}/info`,
      handle: (scene) => show(scene, required(scene.query, "end_user_id")),
    },
    { method: "GET", path: `${root}/list`, handle: list },
    { method: "POST", path: `${root}/update`, handle: set },
    { method: "POST", path: `${root}/delete`, handle: remove },
  ],
);
