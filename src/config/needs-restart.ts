// What only a restart changes.
import type { Config } from "./config.ts";

/** Settings that a running daemon cannot change, as far as they differ. */
export function needsRestart(before: Config, after: Config): string[] {
  const settings: [string, (config: Config) => unknown][] = [
    ["server.host", (config) => config.server.host],
    ["server.port", (config) => config.server.port],
    ["server.allowed_hosts", (config) => config.server.allowedHosts.join()],
    ["server.allowed_origins", (config) => config.server.allowedOrigins.join()],
    ["server.trusted_proxies", (config) => config.server.trustedProxies.join()],
    ["data_dir", (config) => config.dataDir],
    ["ledger.durable", (config) => config.ledger.durable],
    ["store", (config) => config.store?.url.reveal()],
    ["log", (config) => `${config.log.level} ${config.log.format}`],
  ];
  return settings.filter(([, read]) => read(before) !== read(after)).map(([name]) => name);
}
