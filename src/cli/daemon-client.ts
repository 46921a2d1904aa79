// Talks to the daemon of this machine.
import { accessSync, constants } from "node:fs";
import { createEgress } from "../egress.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject } from "../lib/json.ts";
import { isLocked } from "../store/store.ts";
import { type DaemonRecord, readAdminKey, runningDaemon } from "./daemon-file.ts";
import { ExitError, exitCodes } from "./exit.ts";
import type { DaemonSettings } from "./settings.ts";

/** Where the daemon can be reached from this machine: a wildcard address stands for its loopback. */
export const reachable = (url: string): string =>
  url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");

/** @throws ExitError `notRunning` */
export function requireDaemon({ dataDir }: DaemonSettings): DaemonRecord {
  const daemon = runningDaemon(dataDir);
  if (daemon) return daemon;
  const why = isLocked(dataDir)
    ? `The gateway on \`${dataDir}\` is starting.`
    : mayRead(dataDir)
      ? `No gateway is running on the data folder \`${dataDir}\`. Start one with \`megallm\`, or name the folder of the running one with --data-dir.`
      : `The data folder \`${dataDir}\` cannot be read by this user: run this as the gateway's user.`;
  throw new ExitError(exitCodes.notRunning, why);
}

function mayRead(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

/** `GET` on the admin API. @throws ExitError `notRunning`, or `failed` with the daemon's own message. */
export const getAdmin = async (settings: DaemonSettings, path: string): Promise<unknown> =>
  JSON.parse(await callAdmin(settings, { path, method: "GET" }));

/** `POST` on the admin API; the answer's text. @throws ExitError as {@link getAdmin} */
export const postAdmin = (settings: DaemonSettings, path: string, body: string): Promise<string> =>
  callAdmin(settings, { path, method: "POST", body });

async function callAdmin(
  settings: DaemonSettings,
  call: { path: string; method: "GET" | "POST"; body?: string },
): Promise<string> {
  const { body, method, path } = call;
  const daemon = requireDaemon(settings);
  const key = settings.admin.key ?? readAdminKey(settings.dataDir);
  const headers = new Headers({ accept: "application/json" });
  if (key) headers.set("authorization", `Bearer ${key.reveal()}`);
  const url = reachable(daemon.urls[0] ?? "");
  try {
    const answer = await createEgress({ env: {} }).send({
      url: new URL(path, url),
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: new AbortController().signal,
      timeouts: { connectMs: 2_000, firstByteMs: 10_000, idleMs: 10_000, totalMs: 30_000 },
      network: "private-allowed",
    });
    const text = await answer.text(200_000_000);
    if (answer.status !== 200) {
      throw new ExitError(exitCodes.failed, `${url} answered ${answer.status}: ${errorText(text)}`);
    }
    return text;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ExitError(
      exitCodes.notRunning,
      `The gateway (pid ${daemon.pid}) does not answer at ${url}: ${error.message}.`,
    );
  }
}

/** The message of an error body in any dialect, else the body itself, shortened. */
export function errorText(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    const error = isObject(parsed) && isObject(parsed["error"]) ? parsed["error"] : {};
    if (typeof error["message"] === "string") return error["message"];
  } catch {
    // Not JSON: shown as it is.
  }
  return body.length > 500 ? `${body.slice(0, 500)}…` : body;
}
