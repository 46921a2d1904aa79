// LiteLLM's `/spend/logs`: requests as they are on record, or their sums by day.
import { GatewayError } from "../../ir/error.ts";
import type { UsageRow } from "../../store/store.ts";
import { may } from "../admin-v1/authorize.ts";
import { usd } from "./dollars.ts";
import { iso } from "./fields.ts";
import { findKey } from "./keys.ts";
import { namesOf } from "./names.ts";
import { placeOf } from "./key-view.ts";
import { findNamed } from "./places.ts";
import type { LitellmRoute, Scene } from "./route.ts";
import { datesOf, daysOf, reportFilter, totalOf } from "./spend.ts";

/** Rows of one answer, and rows that are looked at for it. */
const maxRows = 1_000;
const maxLooked = 20_000;
/** Days of one report. */
const maxDays = 366;

/** Of whom the query asks, as far as the actor may know. @throws GatewayError */
export async function wishedFilter(scene: Scene) {
  const { query } = scene;
  const { api_key: key, user_id: user, team_id: team, organization_id: organization } = query;
  if (key) {
    const found = await findKey(scene, key, "api_key");
    const target = { ...placeOf(found), keyId: found.id };
    return reportFilter(scene, { keyId: found.id, target });
  }
  if (team) {
    const id = await findNamed(scene, "team", team);
    const found = await scene.services.store.directory.teams.get(id);
    const target = { teamId: id, organizationId: found?.organizationId ?? null };
    return reportFilter(scene, { teamId: id, target });
  }
  return reportFilter(scene, {
    ...(user && { userId: await findNamed(scene, "user", user) }),
    ...(organization && {
      organizationId: await findNamed(scene, "organization", organization),
    }),
  });
}

const isVisible = (scene: Scene, { organizationId, teamId, userId, keyId }: UsageRow): boolean =>
  may(scene.actor, "usage.read", [[{ organizationId, teamId, userId, keyId }]]);

async function showRows(scene: Scene, rows: readonly UsageRow[]): Promise<unknown[]> {
  const nameOf = await namesOf(
    scene.services.store,
    rows.flatMap(({ userId, teamId }) => [userId, teamId]),
  );
  return rows.map((row) => ({
    request_id: row.requestId,
    call_type: row.operation,
    api_key: row.keyId ?? row.key ?? "",
    spend: usd(row.costNanos ?? 0n),
    total_tokens: row.inputTokens + row.outputTokens,
    prompt_tokens: row.inputTokens,
    completion_tokens: row.outputTokens,
    startTime: iso(row.atMs),
    endTime: iso(row.atMs + (row.durationMs ?? 0)),
    completionStartTime: row.firstTokenMs === null ? null : iso(row.atMs + row.firstTokenMs),
    request_duration_ms: row.durationMs === null ? null : Math.round(row.durationMs),
    model: row.model ?? "",
    model_id: row.provider === null ? "" : `${row.provider}/${row.model ?? ""}`,
    model_group: row.route ?? "",
    custom_llm_provider: row.provider ?? "",
    api_base: "",
    user: nameOf(row.userId) ?? "",
    team_id: nameOf(row.teamId),
    organization_id: row.organizationId,
    end_user: row.user ?? "",
    request_tags: row.tags,
    cache_hit: "False",
    cache_key: "",
    status: row.status === "ok" ? "success" : "failure",
    metadata: {
      attempts: row.attempts,
      // 0 above would say that it was free.
      cost_known: row.costNanos !== null,
      ...(row.errorCode !== null && { error_code: row.errorCode }),
    },
  }));
}

async function rowsOf(scene: Scene): Promise<unknown[]> {
  const { store } = scene.services;
  const { request_id: id } = scene.query;
  if (id) {
    const found = await store.request(id);
    return found && isVisible(scene, found.usage) ? showRows(scene, [found.usage]) : [];
  }
  const filter = await wishedFilter(scene);
  const dates = datesOf(scene.query);
  const wanted = (row: UsageRow): boolean =>
    (filter.keyId === undefined || row.keyId === filter.keyId) &&
    (filter.userId === undefined || row.userId === filter.userId) &&
    (filter.teamId === undefined || row.teamId === filter.teamId) &&
    (filter.organizationId === undefined || row.organizationId === filter.organizationId);
  const rows: UsageRow[] = [];
  let cursor: string | undefined;
  let looked = 0;
  do {
    const page = await store.requests({ ...dates, limit: 1_000, ...(cursor && { cursor }) });
    rows.push(...page.rows.filter(wanted));
    looked += page.rows.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && rows.length < maxRows && looked < maxLooked);
  if (cursor !== undefined || rows.length > maxRows) {
    scene.warn("start_date", "there are more rows: ask for fewer days at a time");
  }
  return showRows(scene, rows.slice(0, maxRows));
}

/** One row for each day on which something was spent. */
async function summary(scene: Scene): Promise<unknown[]> {
  const { store } = scene.services;
  const where = await wishedFilter(scene);
  const found = [];
  for (const { day, sinceMs, untilMs } of daysOf(datesOf(scene.query), maxDays)) {
    const range = { where, sinceMs, untilMs };
    const models = await store.usage({ ...range, by: "model" });
    if (models.length === 0) continue;
    const users = await store.usage({ ...range, by: "user" });
    const nameOf = await namesOf(
      store,
      users.map(({ group }) => group),
    );
    found.push({
      startTime: day,
      spend: usd(totalOf(models)),
      users: Object.fromEntries(
        users.map(({ group, costNanos }) => [nameOf(group) ?? "", usd(costNanos)]),
      ),
      models: Object.fromEntries(
        models.map(({ group, costNanos }) => [group ?? "", usd(costNanos)]),
      ),
    });
  }
  return found;
}

export const spendLogRoutes: readonly LitellmRoute[] = [
  {
    method: "GET",
    path: "/spend/logs",
    async handle(scene) {
      const { start_date: start, end_date: end, request_id: id } = scene.query;
      const isSummary = scene.query["summarize"]?.toLowerCase() !== "false";
      if (!start !== !end) {
        throw new GatewayError("invalid_request", "Please give both `start_date` and `end_date`.");
      }
      return start && !id && isSummary ? summary(scene) : rowsOf(scene);
    },
  },
];
