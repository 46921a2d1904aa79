// LiteLLM's `/spend/*` and `/global/spend/*`: sums by key, user, team, model and tag.
import { GatewayError } from "../../ir/error.ts";
import { now } from "../../lib/clock.ts";
import { RawJson } from "../../lib/json.ts";
import type { Nanos } from "../../lib/money.ts";
import type { UsageGroup } from "../../store/store.ts";
import { usd } from "./dollars.ts";
import { findNamed } from "./places.ts";
import { showKeys } from "./key-view.ts";
import { visibleKeys } from "./keys.ts";
import { namesOf } from "./names.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { datesOf, daysOf, reportFilter, requireAll, totalOf } from "./spend.ts";
import { wishedFilter } from "./spend-logs.ts";
import { showUsers } from "./user-view.ts";

const maxDays = 366;
/** Requests that a report by tag looks at. */
const maxLooked = 100_000;
const monthMs = 30 * 86_400_000;

function limitOf({ query }: Scene, usual: number): number {
  const wished = Number(query["limit"] ?? usual);
  if (Number.isInteger(wished) && wished >= 1 && wished <= 1_000) return wished;
  throw new GatewayError("invalid_request", "`limit` must be a whole number from 1 to 1000.", {
    param: "limit",
  });
}

const bySpend = <Row extends { readonly spend?: unknown }>(rows: readonly Row[]): Row[] => {
  const value = ({ spend }: Row): number => (spend instanceof RawJson ? Number(spend.text) : 0);
  return rows.toSorted((one, other) => value(other) - value(one));
};

async function spendByTag(scene: Scene): Promise<unknown[]> {
  requireAll(scene);
  const sums = new Map<string, { count: number; nanos: Nanos }>();
  const dates = datesOf(scene.query);
  let cursor: string | undefined;
  let looked = 0;
  do {
    const page = await scene.services.store.requests({
      ...dates,
      limit: 1_000,
      ...(cursor && { cursor }),
    });
    for (const { tags, costNanos } of page.rows) {
      for (const tag of tags) {
        const { count, nanos } = sums.get(tag) ?? { count: 0, nanos: 0n };
        sums.set(tag, { count: count + 1, nanos: nanos + (costNanos ?? 0n) });
      }
    }
    looked += page.rows.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && looked < maxLooked);
  if (cursor !== undefined) {
    scene.warn(
      "start_date",
      `only the newest ${looked} requests were looked at: ask for fewer days`,
    );
  }
  return [...sums]
    .toSorted(([, one], [, other]) => (one.nanos < other.nanos ? 1 : -1))
    .map(([tag, { count, nanos }]) => ({
      individual_request_tag: tag,
      log_count: count,
      total_spend: usd(nanos),
    }));
}

const lastMonth = () => ({ sinceMs: now() - monthMs });

async function keysBySpend(scene: Scene): Promise<unknown[]> {
  requireAll(scene);
  const { store } = scene.services;
  const found = await store.usage({ ...lastMonth(), by: "key_id", limit: limitOf(scene, 10) });
  const rows = [];
  for (const { group, costNanos } of found) {
    const key = group === null ? null : await store.directory.keys.get(group);
    rows.push({
      api_key: group,
      key_alias: key?.name ?? null,
      key_name: key ? `sk-...${key.last4}` : null,
      total_spend: usd(costNanos),
    });
  }
  return rows;
}

async function teamsBySpend(scene: Scene): Promise<unknown> {
  requireAll(scene);
  const { store } = scene.services;
  const totals = await store.usage({ ...lastMonth(), by: "team", limit: 1_000 });
  const nameOf = await namesOf(
    store,
    totals.map(({ group }) => group),
  );
  const today = Math.floor(now() / 86_400_000) * 86_400_000;
  const days = daysOf({ sinceMs: today - monthMs, untilMs: today + 86_400_000 }, maxDays);
  const daily = [];
  for (const { day, sinceMs, untilMs } of days) {
    const found = await store.usage({ by: "team", sinceMs, untilMs });
    if (found.length === 0) continue;
    daily.push({
      date: day,
      ...Object.fromEntries(
        found.map(({ group, costNanos }) => [nameOf(group) ?? "Unassigned", usd(costNanos)]),
      ),
    });
  }
  return {
    daily_spend: daily,
    teams: totals.map(({ group }) => nameOf(group) ?? "Unassigned"),
    total_spend_per_team: totals.map(({ group, costNanos }) => ({
      team_id: nameOf(group) ?? "Unassigned",
      total_spend: usd(costNanos),
    })),
  };
}

const reportGroups = {
  team: { by: "team", list: "teams", name: "team_name" },
  api_key: { by: "key_id", list: "api_keys", name: "api_key" },
  internal_user_id: { by: "user", list: "users", name: "user_id" },
} as const;

const details = (found: readonly UsageGroup[]) =>
  found.map(({ group, costNanos, inputTokens, outputTokens, requests }) => ({
    model: group,
    spend: usd(costNanos),
    total_tokens: inputTokens + outputTokens,
    requests,
  }));

/** By day and team, key or user, with the models of each. @throws GatewayError */
async function report(scene: Scene): Promise<unknown[]> {
  const wished = scene.query["group_by"] ?? "team";
  const kind = Object.entries(reportGroups).find(([name]) => name === wished)?.[1];
  if (!kind) {
    const names = Object.keys(reportGroups).join(", ");
    throw new GatewayError("invalid_request", `\`group_by\` is one of ${names}.`, {
      param: "group_by",
    });
  }
  const { query, services } = scene;
  const internal = query["internal_user_id"];
  const where = internal
    ? reportFilter(scene, { userId: await findNamed(scene, "user", internal) })
    : await wishedFilter(scene);
  const days = [];
  for (const { day, sinceMs, untilMs } of daysOf(datesOf(query), 92)) {
    const found = await services.store.usage({ by: kind.by, where, sinceMs, untilMs, limit: 200 });
    if (found.length === 0) continue;
    const nameOf = await namesOf(
      services.store,
      found.map(({ group }) => group),
    );
    const groups = [];
    for (const { group, costNanos } of found) {
      const own = { ...where, [ownerOf[kind.by]]: group };
      const models = await services.store.usage({ by: "model", where: own, sinceMs, untilMs });
      groups.push({
        [kind.name]: nameOf(group) ?? "Unassigned",
        total_spend: usd(costNanos),
        metadata: details(models),
      });
    }
    days.push({ group_by_day: `${day}T00:00:00+00:00`, [kind.list]: groups });
  }
  return days;
}

const ownerOf = { team: "teamId", key_id: "keyId", user: "userId" } as const;

export const spendReportRoutes: readonly LitellmRoute[] = [
  {
    method: "GET",
    path: "/spend/keys",
    handle: async (scene) =>
      bySpend(await showKeys(scene, (await visibleKeys(scene)).slice(0, 1_000))),
  },
  {
    method: "GET",
    path: "/spend/users",
    async handle(scene) {
      const { store } = scene.services;
      const wished = scene.query["user_id"];
      if (wished) {
        const id = await findNamed(scene, "user", wished);
        const user = await store.directory.users.get(id);
        return user ? showUsers(scene, [user]) : [];
      }
      requireAll(scene);
      const { rows } = await store.directory.users.list({ limit: 500 });
      return bySpend(await showUsers(scene, rows));
    },
  },
  { method: "GET", path: "/spend/tags", handle: spendByTag },
  {
    method: "GET",
    path: "/global/spend",
    async handle(scene) {
      requireAll(scene);
      const found = await scene.services.store.usage({ by: "status" });
      const { budgets } = scene.services.current().config.rules;
      const whole = budgets.find(
        ({ subjects, model }) => model === null && subjects.some(({ kind }) => kind === "gateway"),
      );
      return { spend: usd(totalOf(found)), max_budget: whole ? usd(whole.amountNanos) : 0 };
    },
  },
  { method: "GET", path: "/global/spend/keys", handle: keysBySpend },
  {
    method: "GET",
    path: "/global/spend/models",
    async handle(scene) {
      requireAll(scene);
      const limit = limitOf(scene, 10);
      const found = await scene.services.store.usage({ ...lastMonth(), by: "model", limit });
      return found.map(({ group, costNanos }) => ({ model: group, total_spend: usd(costNanos) }));
    },
  },
  { method: "GET", path: "/global/spend/teams", handle: teamsBySpend },
  { method: "GET", path: "/global/spend/tags", handle: spendByTag },
  { method: "GET", path: "/global/spend/report", handle: report },
];
