// The real Claude Code, headless, in a folder of its own: it sees this gateway and nothing of the machine's settings.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The program: `$CLAUDE_CODE_BIN`, else `claude` on the path; null where there is none. */
export const claudeCode = process.env["CLAUDE_CODE_BIN"] ?? Bun.which("claude");

export interface AgentRun {
  model: string;
  prompt: string;
  /** Tools it may use without asking, e.g. `Bash`. */
  allowedTools?: string;
  env?: Record<string, string>;
  /** Files in the folder it works in. */
  files?: Record<string, Uint8Array>;
  /** Interrupts it as Ctrl-C does; resolves when it is time. */
  interruptWhen?: () => Promise<void>;
}

/** The fields of its own report that tests look at. */
export interface AgentReport {
  result: string;
  isError: boolean;
  turns: number;
  /** Tokens as it was told. */
  usage: { input: number; cacheRead: number; cacheWrite: number; output: number };
}

export interface AgentOutcome {
  code: number;
  /** Absent when it was interrupted before it could say anything. */
  report: AgentReport | undefined;
  stderr: string;
}

/** How long a run may take, ms. */
const limitMs = 50_000;

/** Runs it once against the gateway at `url`. */
export async function runClaudeCode(url: string, run: AgentRun): Promise<AgentOutcome> {
  if (claudeCode === null) throw new Error("Claude Code is not here");
  const folder = mkdtempSync(join(tmpdir(), "megallm-agent-"));
  const work = mkdtempSync(join(folder, "work-"));
  for (const [name, bytes] of Object.entries(run.files ?? {})) {
    await Bun.write(join(work, name), bytes);
  }
  const allowed = run.allowedTools === undefined ? [] : ["--allowedTools", run.allowedTools];
  const child = Bun.spawn(
    [claudeCode, "-p", run.prompt, "--model", run.model, "--output-format", "json", ...allowed],
    {
      cwd: work,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: {
        HOME: folder,
        PATH: "/usr/bin:/bin",
        ANTHROPIC_BASE_URL: url,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
        DISABLE_AUTOUPDATER: "1",
        DISABLE_TELEMETRY: "1",
        DISABLE_ERROR_REPORTING: "1",
        ...(run.env ?? { ANTHROPIC_API_KEY: "the-callers-own-key" }),
      },
    },
  );
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  void run.interruptWhen?.().then(() => child.kill("SIGINT"));
  try {
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, report: readReport(stdout), stderr };
  } finally {
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Its version, e.g. `2.1.197 (Claude Code)`. */
export async function claudeCodeVersion(): Promise<string> {
  if (claudeCode === null) return "none";
  const child = Bun.spawn([claudeCode, "--version"], { stdout: "pipe", stderr: "ignore" });
  return (await new Response(child.stdout).text()).trim();
}

function readReport(stdout: string): AgentReport | undefined {
  if (stdout.trim() === "") return undefined;
  const said = JSON.parse(stdout) as {
    result?: string;
    is_error: boolean;
    num_turns: number;
    usage: Record<string, number>;
  };
  return {
    result: said.result ?? "",
    isError: said.is_error,
    turns: said.num_turns,
    usage: {
      input: said.usage["input_tokens"] ?? 0,
      cacheRead: said.usage["cache_read_input_tokens"] ?? 0,
      cacheWrite: said.usage["cache_creation_input_tokens"] ?? 0,
      output: said.usage["output_tokens"] ?? 0,
    },
  };
}
