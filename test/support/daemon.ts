// Starts the compiled executable the way a user would: empty folder, clean environment, a free port.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..", "..");

/** The executable under test: `$MEGALLM_BINARY`, else what `bun run build` made. */
export const binary = process.env["MEGALLM_BINARY"] ?? join(root, "dist", "megallm");

if (!existsSync(binary)) {
  throw new Error(`${binary} is missing: run \`bun run build\` before the end-to-end tests`);
}

export interface DaemonOptions {
  /** Text of a megallm.yaml; without it the daemon runs on its built-in defaults. */
  config?: string;
  env?: Record<string, string>;
  args?: string[];
  /** Reuse a folder (after a crash, say). */
  folder?: string;
}

export interface Daemon {
  /** e.g. `http://127.0.0.1:41234` */
  url: string;
  /** Home of the daemon: its data, `megallm.yaml`, and the empty working folder. */
  folder: string;
  configPath: string;
  dataDir: string;
  process: Bun.Subprocess;
  adminKey: string;
  /** Everything written to standard output and standard error so far. */
  output(): string;
  /** Sends the signal and waits for the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
  /** Stops and removes the folder. */
  dispose(): Promise<void>;
  /** Runs a command of the executable against this daemon's folder. */
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

const baseEnvironment = (folder: string): Record<string, string> => ({
  HOME: folder,
  PATH: "/usr/bin:/bin",
  XDG_CONFIG_HOME: join(folder, "config"),
  XDG_STATE_HOME: join(folder, "state"),
});

export async function startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "megallm-e2e-"));
  const dataDir = join(folder, "state", "megallm");
  const configPath = join(folder, "megallm.yaml");
  const work = mkdtempSync(join(folder, "work-"));
  if (options.config !== undefined) writeFileSync(configPath, options.config);
  const env = { ...baseEnvironment(folder), ...options.env };
  const configArgs = options.config === undefined ? [] : ["--config", configPath];
  const child = Bun.spawn(
    [binary, "serve", ...configArgs, "--port", "0", ...(options.args ?? [])],
    { cwd: work, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    for await (const chunk of stream) output += Buffer.from(chunk).toString("utf8");
  };
  void collect(child.stdout);
  void collect(child.stderr);

  const record = join(dataDir, "daemon.json");
  const deadline = performance.now() + 15_000;
  let url: string | undefined;
  while (!url) {
    if (child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`the daemon did not start (exit code ${child.exitCode}):\n${output}`);
    }
    await Bun.sleep(2);
    const facts = existsSync(record) ? await readJson(record) : null;
    if (facts?.pid === child.pid) url = facts.urls[0];
  }
  const adminKey = (await Bun.file(join(dataDir, "admin.key")).text()).trim();

  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number> => {
    child.kill(signal);
    return child.exited;
  };
  return {
    url,
    folder,
    configPath,
    dataDir,
    process: child,
    adminKey,
    output: () => output,
    stop,
    async dispose() {
      if (child.exitCode === null && child.signalCode === null) await stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
    cli: (...args) => runCli(args, { cwd: work, env }),
  };
}

async function readJson(path: string): Promise<{ pid: number; urls: string[] } | null> {
  try {
    return (await Bun.file(path).json()) as { pid: number; urls: string[] };
  } catch {
    return null;
  }
}

/** Runs the executable once. */
export async function runCli(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; stdin?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([binary, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: options.env ?? baseEnvironment(mkdtempSync(join(tmpdir(), "megallm-cli-"))),
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}
