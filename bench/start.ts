// The executable: size, time from start to the first answer, idle memory, time of short commands.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, type Daemon, startDaemon } from "../test/support/daemon.ts";
import { cpuSeconds, residentMegabytes, spread } from "./measure.ts";

const runs = 10;
/** In so many of them it is left alone for a while, and its memory is looked at. */
const restingRuns = 3;
const restMs = 2_000;

interface Figures {
  /** Of every start, milliseconds. */
  readonly answered: number[];
  /** User and system time of all its threads until then. */
  readonly cpu: number[];
  /** Two seconds later, megabytes. */
  readonly memory: number[];
}

export async function runStartBench(): Promise<{ title: string; rows: string[] }> {
  const first: Figures = { answered: [], cpu: [], memory: [] };
  const again: Figures = { answered: [], cpu: [], memory: [] };
  const unasked: number[] = [];
  const help: number[] = [];
  const usage: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const folder = mkdtempSync(join(tmpdir(), "megallm-start-"));
    const rests = run < restingRuns;
    await measureStart(first, { folder, rests });
    await measureStart(again, { folder, rests: false });
    if (rests) unasked.push(await memoryUnasked(folder));
    const daemon = await startDaemon({ folder });
    help.push(await timeOf(daemon, "--help"));
    usage.push(await timeOf(daemon, "usage"));
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const starts = ({ answered, cpu }: Figures): string =>
    `${spread(answered, "ms", 0)}, CPU ${spread(cpu, "ms", 0)}`;
  return {
    title: `Executable, ${runs} runs`,
    rows: [
      `size                                ${(statSync(binary).size / 1e6).toFixed(1)} MB`,
      `start to first answer, new folder   ${starts(first)}`,
      `start to first answer, once more    ${starts(again)}`,
      `memory (RSS), nothing asked         ${spread(unasked, "MB", 0)}`,
      `memory (RSS), after one answer      ${spread(first.memory, "MB", 0)}`,
      `megallm --help                      ${spread(help, "ms", 0)}`,
      `megallm usage                       ${spread(usage, "ms", 0)}`,
    ],
  };
}

async function measureStart(
  figures: Figures,
  { folder, rests }: { folder: string; rests: boolean },
): Promise<void> {
  const before = performance.now();
  const daemon = await startDaemon({ folder });
  const answer = await fetch(`${daemon.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"model":"demo/echo","messages":[{"role":"user","content":"hello"}]}',
  });
  await answer.text();
  figures.answered.push(performance.now() - before);
  figures.cpu.push(cpuSeconds([daemon.process.pid]) * 1_000);
  if (rests) {
    await Bun.sleep(restMs);
    figures.memory.push(residentMegabytes(daemon.process.pid));
  }
  await daemon.stop();
}

async function memoryUnasked(folder: string): Promise<number> {
  const daemon = await startDaemon({ folder });
  await Bun.sleep(restMs);
  const memory = residentMegabytes(daemon.process.pid);
  await daemon.stop();
  return memory;
}

async function timeOf(daemon: Daemon, ...args: string[]): Promise<number> {
  const before = performance.now();
  await daemon.cli(...args);
  return performance.now() - before;
}
