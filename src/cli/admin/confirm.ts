// "Are you sure": asked on a terminal; a script says so beforehand.
import { createInterface } from "node:readline/promises";
import { ExitError, exitCodes } from "../exit.ts";
import { harmless } from "../output.ts";

/** @throws ExitError `failed` when the answer is no, `usage` where nobody can be asked and `--yes` is not there */
export async function confirm(question: string, { yes = false }: { yes?: boolean }): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new ExitError(
      exitCodes.usage,
      `${question}\nNobody can be asked here: say --yes to do it.`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D close it without an answer.
    const closed = new Promise<string>((resolve) => {
      terminal.once("close", () => resolve(""));
    });
    const answer = await Promise.race([terminal.question(`${harmless(question)} [y/N] `), closed]);
    if (/^y(?:es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new ExitError(exitCodes.failed, "Nothing was changed.");
}
