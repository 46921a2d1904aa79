// What commands print on standard output: all of it, or an error; quiet when the reader has left.
import { ExitError, exitCodes } from "./exit.ts";

let watched = false;

/**
 * Writes `text` to standard output and resolves when it is out.
 * @throws ExitError `ok` when the reader has closed the pipe (`megallm models | head`), `failed` when the
 * text could not be written (a full disk): a script must not take half a table for a whole one.
 */
export async function write(text: string): Promise<void> {
  if (!watched) {
    // The failure is reported through the callback; without a listener it would be reported twice.
    process.stdout.on("error", () => {});
    watched = true;
  }
  const error = await new Promise<Error | null | undefined>((resolve) => {
    process.stdout.write(text, resolve);
  });
  if (!error) return;
  if ((error as NodeJS.ErrnoException).code === "EPIPE") throw new ExitError(exitCodes.ok, "");
  throw new ExitError(exitCodes.failed, `Standard output cannot be written: ${error.message}.`);
}

/** Writes `text` and a line feed. @throws ExitError as {@link write} */
export const print = (text: string): Promise<void> => write(`${text}\n`);

/** Writes a line for people to standard error: notes, reasons, what went wrong. Best effort. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Writes `value` as indented JSON. @throws ExitError as {@link write} */
export const printJson = (value: unknown): Promise<void> => print(JSON.stringify(value, null, 2));

/**
 * Text from elsewhere (a model's answer, a name that a client sent) without what a terminal would obey: escape
 * sequences could rename its window, write its clipboard or hide other lines.
 * @param keep control characters that stay, `"\n\t"` where several lines are meant
 */
export const harmless = (text: string, keep = ""): string =>
  text.replaceAll(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) =>
    keep.includes(character) ? character : "\uFFFD",
  );
