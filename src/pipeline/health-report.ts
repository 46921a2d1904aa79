// How every deployment is doing: what health, statistics and checks know of it, in one row each.
import { now } from "../lib/clock.ts";
import type { HealthRow } from "../routing/health.ts";
import { type Candidate, deploymentId, modelId } from "../routing/candidate.ts";
import type { Spread } from "../routing/stats.ts";
import type { CheckReport, HealthChecks } from "./health-checks.ts";
import type { Generation, Services } from "./services.ts";

/** A deployment or a key. Figures of traffic are of all keys of a model together. */
export interface HealthReportRow extends HealthRow {
  /** When it is asked again, ms since the Unix epoch; null while it does not rest. */
  nextTryAtMs: number | null;
  inFlight?: number;
  /** Of the last minutes; null where there were no requests. */
  successRate?: number | null;
  /** From sending to the first token of streams, and to the end of answers; null until enough were seen. */
  firstToken?: Spread | null;
  total?: Spread | null;
  check?: CheckReport;
}

export interface HealthReport {
  nowMs: number;
  deployments: HealthReportRow[];
  retries: ReturnType<Services["traffic"]["budget"]["snapshot"]>;
  load: ReturnType<Services["traffic"]["gates"]["snapshot"]>;
  /** Of all checks together. */
  checks: { deployments: number; made: number; failed: number };
}

export function healthReport(
  { router }: Pick<Generation, "router">,
  { traffic }: Services,
  checks: HealthChecks,
): HealthReport {
  const known = new Map(traffic.health.snapshot().map((row) => [`${row.scope} ${row.id}`, row]));
  const configured = new Map<string, Candidate>();
  for (const { candidate } of router.deployments()) {
    configured.set(deploymentId(candidate), candidate);
  }
  const reports = checks.report();
  const rowOf = (row: HealthRow): HealthReportRow => {
    const check = row.scope === "deployment" ? reports.get(row.id) : undefined;
    return {
      ...row,
      nextTryAtMs: row.state === "closed" ? null : Math.round(now() + row.restsForMs),
      ...(row.scope === "deployment" && figuresOf(row.id, configured.get(row.id), traffic)),
      ...(check && { check }),
    };
  };
  const all = [...reports.values()];
  const quiet = [...configured.keys()]
    .filter((id) => !known.has(`deployment ${id}`))
    .map((id) => quietRow(id));
  return {
    nowMs: now(),
    deployments: [...quiet, ...known.values()]
      .map(rowOf)
      .toSorted((one, other) => (one.id < other.id ? -1 : 1)),
    retries: traffic.budget.snapshot(),
    load: traffic.gates.snapshot(),
    checks: {
      deployments: all.length,
      made: all.reduce((sum, { checks: made }) => sum + made, 0),
      failed: all.reduce((sum, { failures }) => sum + failures, 0),
    },
  };
}

function figuresOf(id: string, candidate: Candidate | undefined, { stats }: Services["traffic"]) {
  // A key's name holds no `#`, so what stands before the last one is the model.
  const model = candidate ? modelId(candidate) : id.replace(/#[^#]*$/, "");
  const { attempts, firstTokenSpread, inFlight, successRate, totalSpread } = stats.of(model);
  return {
    inFlight,
    successRate: attempts === 0 ? null : successRate,
    firstToken: firstTokenSpread,
    total: totalSpread,
  };
}

/** Of one that nothing has happened to. */
const quietRow = (id: string): HealthRow => ({
  scope: "deployment",
  id,
  state: "closed",
  restsForMs: 0,
  attempts: 0,
  failures: 0,
  sinceMs: null,
  answeredMsAgo: null,
  lastError: null,
});
