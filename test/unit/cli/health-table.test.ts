// The table of deployments: who rests comes first, with why and until when.
import { expect, test } from "bun:test";
import { renderHealth, span } from "../../../src/cli/health-table.ts";
import type { HealthReport, HealthReportRow } from "../../../src/pipeline/health-report.ts";

const nowMs = 1_000_000;
const row = (id: string, more: Partial<HealthReportRow> = {}): HealthReportRow => ({
  scope: "deployment",
  id,
  state: "closed",
  restsForMs: 0,
  attempts: 0,
  failures: 0,
  sinceMs: null,
  answeredMsAgo: null,
  lastError: null,
  nextTryAtMs: null,
  ...more,
});
const report = (
  deployments: HealthReportRow[],
  more: Partial<HealthReport> = {},
): HealthReport => ({
  nowMs,
  deployments,
  retries: { requests: 90, extra: 3, refused: 1 },
  load: { waiting: 2, inside: { gateway: 5 } },
  checks: { deployments: 0, made: 0, failed: 0 },
  ...more,
});

test("states, reasons and figures", () => {
  const text = renderHealth(
    report(
      [
        row("b/well", {
          successRate: 0.9876,
          inFlight: 3,
          total: { p50Ms: 812, p95Ms: 4_200 },
          check: {
            everyMs: 30_000,
            by: "models",
            checks: 4,
            failures: 0,
            failuresInARow: 0,
            passedOver: 0,
            last: { atMs: nowMs - 12_000, ms: 41, error: null },
            nextAtMs: nowMs + 1,
          },
        }),
        row("a/down", {
          state: "open",
          sinceMs: nowMs - 40_000,
          nextTryAtMs: nowMs + 5_500,
          lastError: { code: "upstream_timeout", message: "no\u001b[31m answer", atMs: nowMs },
        }),
        row("a#key", { scope: "key" }),
        row("c#key", { scope: "key", state: "half-open", nextTryAtMs: nowMs }),
      ],
      { checks: { deployments: 2, made: 4, failed: 1 } },
    ),
  );
  const lines = text.split("\n");
  expect(lines[1]).toMatch(/^a\/down +resting +40 s ago +in 5\.5 s .*upstream_timeout: no\uFFFD/);
  expect(lines[2]).toMatch(/^key c#key +probing +now/);
  expect(lines[3]).toMatch(
    /^b\/well +well +98\.8 % +812 ms\/4\.2 s +3 +ok \(models, 41 ms, 12 s ago\)/,
  );
  expect(lines.slice(4)).toEqual([
    "retries    3 for 90 requests of the last minute, 1 refused",
    "load       2 waiting, gateway 5",
    "checks     2 deployments, 4 made, 1 failed",
  ]);
});

test("many that are well are summed up, those in trouble never", () => {
  const many = Array.from({ length: 60 }, (_, at) => row(`p/m${at}`));
  const down = Array.from({ length: 50 }, (_, at) => row(`q/m${at}`, { state: "open" }));
  const text = renderHealth(report([...many, ...down]));
  expect(text.match(/^q\/m/gm)).toHaveLength(50);
  expect(text.match(/^p\/m/gm)).toHaveLength(40);
  expect(text).toContain("and 20 more");
});

test.each([
  [-5, "0 ms"],
  [999, "999 ms"],
  [1_500, "1.5 s"],
  [89_000, "89 s"],
  [600_000, "10 min"],
  [7_200_000, "2 h"],
  [3 * 86_400_000, "3 days"],
])("%d ms is %s", (ms, expected) => {
  expect(span(ms)).toBe(expected);
});
