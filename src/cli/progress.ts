// A bar on the terminal for work that takes longer than a moment.
import { dim } from "../lib/color.ts";
import { groupDigits } from "./table.ts";

export interface Progress {
  /** So much of it is done. */
  report(done: number): void;
  /** Takes the bar away. */
  end(): void;
}

const eraseLine = "\r\u001b[2K";
const width = 24;
const everyMs = 100;

/**
 * Shows on standard error how much of `total` is done; nothing where no person looks.
 * @example const progress = showProgress("checking rows", 120_000)
 */
export function showProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return { report: () => {}, end: () => {} };
  let shownMs = 0;
  let isShown = false;
  return {
    report(done) {
      const time = performance.now();
      if (time - shownMs < everyMs) return;
      shownMs = time;
      isShown = true;
      const share = total <= 0 ? 1 : Math.min(1, done / total);
      const full = Math.round(share * width);
      const bar = `${"█".repeat(full)}${"░".repeat(width - full)}`;
      process.stderr.write(
        `${eraseLine}${dim(`${what} ${bar} ${Math.floor(share * 100)} % (${groupDigits(done)})`)}`,
      );
    },
    end() {
      if (isShown) process.stderr.write(eraseLine);
      isShown = false;
    },
  };
}
