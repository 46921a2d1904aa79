// Talks to the daemon of this machine.
import type { Config } from "../config/config.ts";
import { createEgress } from "../egress.ts";
import { GatewayError } from "../ir/error.ts";
import { readAdminKey, readDaemonRecord } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";

/** Where the daemon answers: what it left in the data folder, else what the configuration says. */
export function daemonUrl(config: Config): string {
  const record = readDaemonRecord(config.dataDir);
  const host = config.server.loopback ? "127.0.0.1" : config.server.host;
  return record?.urls[0] ?? `http://${host}:${config.server.port}`;
}

/** `GET` on the admin API. @throws ExitError `notRunning`, or `failed` with the daemon's own message. */
export async function getAdmin(config: Config, path: string): Promise<unknown> {
  const key = config.admin.key ?? readAdminKey(config.dataDir);
  const headers = new Headers({ accept: "application/json" });
  if (key) headers.set("authorization", `Bearer ${key.reveal()}`);
  const url = daemonUrl(config);
  try {
    const answer = await createEgress({ env: {} }).send({
      url: new URL(path, url),
      method: "GET",
      headers,
      signal: new AbortController().signal,
      timeouts: { connectMs: 2_000, firstByteMs: 10_000, idleMs: 10_000, totalMs: 30_000 },
      network: "private-allowed",
    });
    const text = await answer.text(10_000_000);
    if (answer.status !== 200) {
      throw new ExitError(exitCodes.failed, `${url} answered ${answer.status}: ${text}`);
    }
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ExitError(
      exitCodes.notRunning,
      `No gateway answers at ${url} (${error.message}). Start it with \`megallm\`.`,
    );
  }
}
