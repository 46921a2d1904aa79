// An agent program, headless, in folders of its own: it sees this gateway and nothing of the machine's settings.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ScriptedCall } from "../upstream/upstream.ts";

export interface Agent {
  name: string;
  /** Null where it is not installed. */
  program: string | null;
  /** The variable that says where it is. */
  variable: string;
  launch(task: Task): Launch;
  /** What it says when it is done. */
  read(stdout: string, stderr: string): Told;
  /** The call by which its model runs a command of the shell. */
  shell(command: string): ScriptedCall;
  /** The call by which its model looks at a picture in the working folder. */
  look(file: string, folder: string): ScriptedCall;
  /** Vendors, by name, whose troubles it is shown. */
  troubles: readonly string[];
}

/** What it is to do, and with whom. */
export interface Task {
  url: string;
  key: string;
  model: string;
  prompt: string;
  env?: Record<string, string>;
  args?: readonly string[];
  /** Further lines of its settings, where they are text. */
  settings?: string;
}

/** How it is started: all that its settings, and the machine's, would say. */
export interface Launch {
  args: readonly string[];
  env: Record<string, string>;
  /** Files in its home folder. */
  home?: Record<string, string>;
}

export interface Told {
  text: string;
  isError: boolean;
}

export interface Ran extends Told {
  code: number;
  stdout: string;
  stderr: string;
  /** Text of a file in the working folder; undefined when there is none. */
  files: Record<string, string>;
}

export interface RunOptions {
  /** Files in the folder it works in. */
  files?: Record<string, Uint8Array | string>;
  /** Files of that folder to be read when it is done. */
  wanted?: readonly string[];
  /** Told of the folder before it starts. */
  inFolder?: (folder: string) => void;
  /** Interrupts it as Ctrl-C does; resolves when it is time. */
  interruptWhen?: () => Promise<void>;
  /** How long it may take, ms. */
  limitMs?: number;
}

/** Runs it once. */
export async function runAgent(agent: Agent, task: Task, options: RunOptions = {}): Promise<Ran> {
  if (agent.program === null) throw new Error(`${agent.name} is not here`);
  const { args, env, home = {} } = agent.launch(task);
  // Codex makes no helpers in a home below the system's folder for temporary files, and says so: no harm.
  const folder = mkdtempSync(join(tmpdir(), "megallm-agent-"));
  const work = join(folder, "work");
  mkdirSync(work);
  for (const [base, files] of [
    [folder, home],
    [work, options.files ?? {}],
  ] as const) {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(base, name)), { recursive: true });
      await Bun.write(join(base, name), content);
    }
  }
  options.inFolder?.(work);
  const child = Bun.spawn([agent.program, ...args], {
    cwd: work,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A group of its own: some agents are two processes, and Ctrl-C reaches both.
    detached: true,
    env: {
      HOME: folder,
      PATH: "/usr/local/bin:/usr/bin:/bin",
      TMPDIR: folder,
      ...env,
      ...task.env,
    },
  });
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // All of it is gone already.
    }
  };
  const timer = setTimeout(() => signal("SIGKILL"), options.limitMs ?? 30_000);
  void options.interruptWhen?.().then(() => signal("SIGINT"));
  try {
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const files: Record<string, string> = {};
    for (const name of options.wanted ?? []) {
      if (existsSync(join(work, name))) files[name] = await Bun.file(join(work, name)).text();
    }
    return { code, stdout, stderr, files, ...agent.read(stdout, stderr) };
  } finally {
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where an agent's program is: what the variable says, else what is on the path. */
export const programOf = (variable: string, name: string): string | null =>
  process.env[variable] ?? Bun.which(name);

/** The agents of `all` that are here; says which are not. */
export function installed(all: readonly Agent[]): Agent[] {
  for (const { name, program, variable } of all) {
    if (program === null)
      console.log(`skipped: ${name} is not here (set ${variable}, or put it on the PATH)`);
  }
  return all.filter(({ program }) => program !== null);
}
