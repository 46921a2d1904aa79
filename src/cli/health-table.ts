// How the deployments are doing, as `megallm status` shows it.
import { green, red, yellow } from "../lib/color.ts";
import type { HealthReport, HealthReportRow } from "../pipeline/health-report.ts";
import { renderTable } from "./table.ts";

/** More deployments than this are summed up, those in trouble left out of it. */
const mostWell = 40;

const columns = [
  { title: "deployment" },
  { title: "state" },
  { title: "since", align: "right" },
  { title: "next try", align: "right" },
  { title: "success", align: "right" },
  { title: "first token p50/p95", align: "right" },
  { title: "total p50/p95", align: "right" },
  { title: "busy", align: "right" },
  { title: "check" },
  { title: "why" },
] as const;

const words = { closed: "well", open: "resting", "half-open": "probing" } as const;
const paint = { closed: green, open: red, "half-open": yellow } as const;

/** The table, and in a few lines what holds for all of them together; empty where nothing is known. */
export function renderHealth(report: HealthReport): string {
  const { checks, deployments, load, nowMs, retries } = report;
  // A key is worth a line only while it rests.
  const shown = deployments.filter(
    ({ scope, state }) => scope === "deployment" || state !== "closed",
  );
  const bad = shown.filter(({ state }) => state !== "closed");
  const well = shown.filter(({ state }) => state === "closed");
  const rows = [...bad, ...well.slice(0, mostWell)];
  const table = renderTable(
    columns,
    rows.map((row) => cellsOf(row, nowMs)),
  )
    .split("\n")
    .map((line, at) => coloured(line, rows[at - 1]))
    .join("\n");
  const inside = Object.entries(load.inside).map(([name, count]) => `${name} ${count}`);
  const more = well.length - mostWell;
  return [
    ...(rows.length > 0 ? [table] : []),
    ...(more > 0 ? [`… and ${more} more that are well (--json shows all)`] : []),
    `retries    ${retries.extra} for ${retries.requests} requests of the last minute, ${retries.refused} refused`,
    `load       ${load.waiting} waiting${inside.length > 0 ? `, ${inside.join(", ")}` : ""}`,
    `checks     ${
      checks.deployments === 0
        ? "off"
        : `${checks.deployments} deployment${checks.deployments === 1 ? "" : "s"}, ${checks.made} made, ${checks.failed} failed`
    }`,
  ].join("\n");
}

function cellsOf(row: HealthReportRow, nowMs: number): string[] {
  const { check, lastError, nextTryAtMs, sinceMs, state, successRate } = row;
  return [
    row.scope === "key" ? `key ${row.id}` : row.id,
    words[state],
    sinceMs === null ? "" : `${span(nowMs - sinceMs)} ago`,
    nextTryAtMs === null ? "" : nextTryAtMs <= nowMs ? "now" : `in ${span(nextTryAtMs - nowMs)}`,
    typeof successRate !== "number"
      ? ""
      : `${(successRate * 100).toFixed(successRate === 1 ? 0 : 1)} %`,
    spread(row.firstToken),
    spread(row.total),
    row.inFlight ? String(row.inFlight) : "",
    checkText(check, nowMs),
    state === "closed" || !lastError ? "" : `${lastError.code}: ${lastError.message}`,
  ];
}

function checkText(check: HealthReportRow["check"], nowMs: number): string {
  if (!check) return "";
  if (!check.last) return check.passedOver > 0 ? "not needed" : "pending";
  const { atMs, error, ms } = check.last;
  return `${error ? "failed" : "ok"} (${check.by}, ${ms} ms, ${span(nowMs - atMs)} ago)`;
}

const spread = (found: HealthReportRow["total"]): string =>
  found ? `${span(found.p50Ms)}/${span(found.p95Ms)}` : "";

/** The cells themselves are made harmless, colours included, so the word is coloured in the line. */
function coloured(line: string, row: HealthReportRow | undefined): string {
  if (!row) return line;
  const word = words[row.state];
  // Behind the name, which may hold the same word.
  const at = line.indexOf(`  ${word}`, 1);
  return at < 0
    ? line
    : `${line.slice(0, at + 2)}${paint[row.state](word)}${line.slice(at + 2 + word.length)}`;
}

/** @example span(1_500) // → "1.5 s" */
export function span(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < 1_000) return `${Math.round(whole)} ms`;
  if (whole < 90_000) return `${Number((whole / 1000).toFixed(whole < 10_000 ? 1 : 0))} s`;
  if (whole < 5_400_000) return `${Math.round(whole / 60_000)} min`;
  return whole < 172_800_000
    ? `${Math.round(whole / 3_600_000)} h`
    : `${Math.round(whole / 86_400_000)} days`;
}
