// What a command reads: a file, or what is piped into it.
import { readFile } from "node:fs/promises";
import { ExitError, exitCodes } from "./exit.ts";

/** The file's bytes; `-` is standard input. @throws ExitError `usage` when nothing is piped into the command */
export async function readInput(file: string): Promise<Uint8Array> {
  if (file !== "-") return readFile(file);
  if (process.stdin.isTTY) {
    throw new ExitError(
      exitCodes.usage,
      "There is no request: name a file with its JSON body, or pipe it in.",
    );
  }
  return Bun.stdin.bytes();
}
