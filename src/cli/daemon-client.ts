// Talks to the daemon of this machine.
import { accessSync, constants } from "node:fs";
import { createEgress } from "../egress.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject } from "../lib/json.ts";
import type { Secret } from "../lib/secret.ts";
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

/** {@link postAdmin} for what takes as long as there are rows. */
export const runAdmin = (settings: DaemonSettings, path: string, body: string): Promise<string> =>
  callAdmin(settings, { path, method: "POST", body, isLong: true });

async function callAdmin(
  settings: DaemonSettings,
  call: Pick<AdminCall, "path" | "method" | "body" | "isLong">,
): Promise<string> {
  const place = daemonPlace(settings);
  const { status, text } = await askAdmin(place, call);
  if (status === 200) return text;
  throw new ExitError(exitCodes.failed, `${place.url} answered ${status}: ${errorText(text)}`);
}

/** Where an administration API is, and what opens it. */
export interface AdminPlace {
  url: string;
  key: Secret | null;
  /** For messages, e.g. `The gateway (pid 7)`. */
  name: string;
  /** Where proxies are read from. */
  env: Readonly<Record<string, string | undefined>>;
}

/** The daemon of this machine. @throws ExitError `notRunning` */
export function daemonPlace(settings: DaemonSettings): AdminPlace {
  const { pid, urls } = requireDaemon(settings);
  return {
    url: reachable(urls[0] ?? ""),
    key: settings.admin.key ?? readAdminKey(settings.dataDir),
    name: `The gateway (pid ${pid})`,
    env: {},
  };
}

export interface AdminCall {
  path: string;
  method: "GET" | "POST" | "PATCH" | "DELETE";
  body?: string;
  /** Only while the resource has this version. */
  version?: number;
  /** It is waited for without an end. */
  isLong?: boolean;
}

const usualTimeouts = { connectMs: 2_000, firstByteMs: 10_000, idleMs: 10_000, totalMs: 30_000 };
const noTimeouts = { connectMs: 2_000, firstByteMs: 0, idleMs: 0, totalMs: 0 };

/** One call, whatever the answer's status is. @throws ExitError `notRunning` */
export async function askAdmin(
  { env, key, name, url }: AdminPlace,
  { body, isLong = false, method, path, version }: AdminCall,
): Promise<{ status: number; text: string }> {
  const headers = new Headers({ accept: "application/json" });
  if (key) headers.set("authorization", `Bearer ${key.reveal()}`);
  if (body !== undefined) headers.set("content-type", "application/json");
  if (version !== undefined) headers.set("if-match", `"${version}"`);
  try {
    const answer = await createEgress({ env }).send({
      url: new URL(`${url.replace(/\/+$/, "")}${path}`),
      method,
      headers,
      ...(body !== undefined && { body }),
      signal: new AbortController().signal,
      timeouts: isLong ? noTimeouts : usualTimeouts,
      network: "private-allowed",
    });
    return { status: answer.status, text: await answer.text(200_000_000) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ExitError(
      exitCodes.notRunning,
      `${name} does not answer at ${url}: ${error.message}.`,
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
