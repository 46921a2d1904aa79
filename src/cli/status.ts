// `megallm status`: the running daemon and its deployments in a few lines.
import type { GatewayStatus } from "../gateway.ts";
import type { HealthReport } from "../pipeline/health-report.ts";
import { alertRow, pageOf } from "./admin/rows.ts";
import { getAdmin, reachable, requireDaemon } from "./daemon-client.ts";
import { renderHealth } from "./health-table.ts";
import { print, printJson } from "./output.ts";
import { type DaemonSettings, daemonSettings } from "./settings.ts";
import { renderFacts } from "./table.ts";

export interface StatusOptions {
  config?: string;
  dataDir?: string;
  json?: boolean;
}

/** @throws ExitError `notRunning` */
export async function status(options: StatusOptions): Promise<void> {
  const settings = daemonSettings(options.config, { dataDir: options.dataDir });
  const facts = (await getAdmin(settings, "/admin/status")) as GatewayStatus;
  const health = (await getAdmin(settings, "/admin/health")) as HealthReport;
  if (options.json) {
    await printJson({ ...facts, health });
    return;
  }
  const { config } = facts;
  const upSeconds = Math.round((facts.nowMs - facts.startedAtMs) / 1000);
  const lines: [string, string][] = [
    ["running", `MegaLLM ${facts.version}, pid ${facts.pid}, up ${duration(upSeconds)}`],
    ["address", requireDaemon(settings).urls.map(reachable).join("  ")],
    [
      "config",
      `${config.path ?? "built-in defaults"}, ${config.generation} since ${when(config.loadedAtMs)}`,
    ],
    ["data", settings.dataDir],
    ["providers", facts.providers.map((provider) => provider.name).join(", ") || "none"],
    ["routes", facts.routes.join(", ") || "none"],
    ["in flight", String(facts.inFlight)],
  ];
  if (facts.backgroundFailures > 0) {
    lines.push(["failures", `${facts.backgroundFailures} in the background; see the log`]);
  }
  const { data: alerts } = await recentAlerts(settings, facts.nowMs);
  if (alerts.length > 0) {
    lines.push(["budgets", `${alerts.length} alerts in the last day; see \`megallm alerts\``]);
  }
  for (const warning of config.warnings) lines.push(["warning", warning]);
  await print(`${renderFacts(lines)}\n\n${renderHealth(health)}`);
  if (config.rejected) {
    const { atMs, problems } = config.rejected;
    await print(
      `\nA newer configuration was refused at ${when(atMs)}; the one above goes on:\n${problems.join("\n")}`,
    );
  }
}

const dayMs = 86_400_000;

const recentAlerts = async (settings: DaemonSettings, nowMs: number) =>
  pageOf(alertRow).parse(
    await getAdmin(settings, `/admin/v1/alerts?limit=500&since_ms=${Math.trunc(nowMs) - dayMs}`),
  );

/** To the second, UTC. */
const when = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}
