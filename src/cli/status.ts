// `megallm status`: the running daemon in a few lines.
import type { GatewayStatus } from "../gateway.ts";
import { daemonUrl, getAdmin } from "./daemon-client.ts";
import { loadSettings } from "./settings.ts";

export interface StatusOptions {
  config?: string;
  json?: boolean;
}

export async function status(options: StatusOptions): Promise<void> {
  const { config } = loadSettings(options.config).loaded;
  const facts = (await getAdmin(config, "/admin/status")) as GatewayStatus;
  if (options.json) {
    console.log(JSON.stringify(facts, null, 2));
    return;
  }
  const upSeconds = Math.round((facts.nowMs - facts.startedAtMs) / 1000);
  const { rejected } = facts.config;
  const lines: [string, string][] = [
    ["running", `MegaLLM ${facts.version}, pid ${facts.pid}, up ${duration(upSeconds)}`],
    ["address", daemonUrl(config)],
    [
      "config",
      `${facts.config.path ?? "built-in defaults"} (${facts.config.generation}, since ${when(facts.config.loadedAtMs)})`,
    ],
    ["providers", facts.providers.map((provider) => provider.name).join(", ") || "none"],
    ["routes", facts.routes.join(", ") || "none"],
    ["in flight", String(facts.inFlight)],
  ];
  if (facts.backgroundFailures > 0) {
    lines.push(["failures", `${facts.backgroundFailures} in the background; see the log`]);
  }
  console.log(lines.map(([title, text]) => `${title.padEnd(10)} ${text}`).join("\n"));
  if (rejected) {
    console.log(
      `\nA newer configuration was refused at ${when(rejected.atMs)}; the one above goes on:\n${rejected.problems.join("\n")}`,
    );
  }
}

const when = (ms: number): string => new Date(ms).toISOString();

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3_600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}
