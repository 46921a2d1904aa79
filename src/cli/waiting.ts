// A sign of life on the terminal while an answer takes longer than a second.
import { dim } from "../lib/color.ts";

const eraseLine = "\r\u001b[2K";

/** Counts seconds on standard error until the returned function is called; nothing is shown where no person looks. */
export function showWaiting(): () => void {
  if (!process.stderr.isTTY || !process.stdout.isTTY) return () => {};
  let seconds = 0;
  const timer = setInterval(() => {
    seconds += 1;
    process.stderr.write(`${eraseLine}${dim(`waiting … ${seconds} s`)}`);
  }, 1_000);
  return () => {
    clearInterval(timer);
    if (seconds > 0) process.stderr.write(eraseLine);
    seconds = 0;
  };
}
