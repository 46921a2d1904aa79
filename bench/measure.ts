// Processes under measurement: their CPU time and memory as the operating system accounts them.
import { readFileSync } from "node:fs";

/** Clock ticks per second of /proc on Linux. */
const ticksPerSecond = 100;

/** User plus system time of a process and its children so far, seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  }, 0);
}

/** Resident memory, megabytes. */
export function residentMegabytes(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? Number.NaN) / 1024;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** `median (min–max)` with a unit. */
export function spread(values: readonly number[], unit: string, digits = 1): string {
  const format = (value: number): string => value.toFixed(digits);
  return `${format(median(values))} ${unit} (${format(Math.min(...values))}–${format(Math.max(...values))})`;
}
