// LiteLLM's `/budget/*`: bounds under a name, which keys, teams, organizations and customers are made after.
import { z } from "zod";
import { createId } from "../../lib/id.ts";
import { GatewayError } from "../../ir/error.ts";
import type { Subject } from "../../store/subject.ts";
import { requirePermission } from "../admin-v1/authorize.ts";
import { iso, read, reference, ruleFields } from "./fields.ts";
import { readAll } from "./lists.ts";
import { checkName } from "./names.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import {
  budgetIdOf,
  readTemplate,
  saysRules,
  setRules,
  showRules,
  templateOf,
  wishOf,
} from "./rules.ts";

const { budget_id: optionalId, ...rules } = ruleFields;
const newBudget = z.object({ ...rules, budget_id: optionalId });
const update = z.object({ ...rules, budget_id: reference });
const some = z.object({ budgets: z.array(reference).min(1).max(1_000) });
const one = z.object({ id: reference });

async function shown(scene: Scene, id: string) {
  const { fields, budget, isEmpty } = await showRules(scene, templateOf(id));
  if (isEmpty) throw new GatewayError("not_found", `There is no budget \`${id.slice(0, 100)}\`.`);
  return {
    ...fields,
    budget_id: id,
    created_at: budget && iso(budget.createdMs),
    updated_at: budget && iso(budget.updatedMs),
  };
}

/** Whoever was made after the budget of this name. */
async function madeAfter(scene: Scene, id: string): Promise<readonly Subject[]> {
  const { id: name } = templateOf(id);
  const { budgets } = scene.services.store.directory;
  const found = await readAll((page) => budgets.list({ search: name.slice(0, 100), ...page }));
  return found.flatMap(({ name: own, subjects }) => {
    const [subject, ...others] = subjects;
    const isOther = subject && !(subject.kind === "tag" && subject.id === name);
    return own === name && isOther && others.length === 0 ? [subject] : [];
  });
}

/** Bounds of this kind are nobody's but the gateway's. @throws GatewayError `forbidden` */
const requireGateway = ({ actor }: Scene): void => requirePermission(actor, "budget.read", [[{}]]);

async function ids(scene: Scene): Promise<readonly string[]> {
  const { budgets, limits } = scene.services.store.directory;
  const found = [
    ...(await readAll((page) => budgets.list(page))).flatMap(({ subjects }) => subjects),
    ...(await readAll((page) => limits.list(page))).map(({ subject }) => subject),
  ];
  const names = found.flatMap(({ kind, id }) => (kind === "tag" ? (budgetIdOf(id) ?? []) : []));
  return [...new Set(names)];
}

export const budgetRoutes: readonly LitellmRoute[] = [
  {
    method: "POST",
    path: "/budget/new",
    async handle(scene) {
      const { budget_id: wished, ...asked } = read(scene, newBudget);
      const id = checkName(wished ?? createId("budget"), "budget_id").slice(0, 150);
      const known = await showRules(scene, templateOf(id));
      if (!known.isEmpty) {
        throw new GatewayError("conflict", `There is a budget \`${id}\` already.`, {
          param: "budget_id",
        });
      }
      if (!saysRules(asked)) {
        throw new GatewayError("invalid_request", "A budget needs `max_budget` or a limit.", {
          param: "max_budget",
        });
      }
      await setRules(scene, templateOf(id), {
        ...(await wishOf(scene, asked)),
        name: id,
        budgetId: id,
      });
      return shown(scene, id);
    },
  },
  {
    method: "POST",
    path: "/budget/info",
    async handle(scene) {
      requireGateway(scene);
      const { budgets } = read(scene, some);
      const found = [];
      for (const id of budgets) found.push(await shown(scene, id));
      return found;
    },
  },
  {
    method: "GET",
    path: "/budget/list",
    async handle(scene) {
      requireGateway(scene);
      const found = [];
      for (const id of (await ids(scene)).slice(0, 500)) found.push(await shown(scene, id));
      return found;
    },
  },
  {
    method: "POST",
    path: "/budget/update",
    async handle(scene) {
      const { budget_id: id, ...asked } = read(scene, update);
      await readTemplate(scene, id);
      const wish = await wishOf(scene, asked);
      await setRules(scene, templateOf(id), { ...wish, name: id, budgetId: id });
      for (const subject of await madeAfter(scene, id)) {
        await setRules(scene, subject, { ...wish, name: id, budgetId: id });
      }
      return shown(scene, id);
    },
  },
  {
    method: "POST",
    path: "/budget/delete",
    async handle(scene) {
      const { id } = read(scene, one);
      const row = await shown(scene, id);
      const { budgets, limits } = await scene.services.store.directory.rules(templateOf(id));
      for (const budget of budgets)
        await scene.perform("DELETE", "/budgets/{id}", { id: budget.id });
      for (const limit of limits) await scene.perform("DELETE", "/limits/{id}", { id: limit.id });
      return row;
    },
  },
];
