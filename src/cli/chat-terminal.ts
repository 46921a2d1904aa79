// The interactive side of `megallm chat`: lines in, one answer at a time, Ctrl-C and Ctrl-D.
import { createInterface } from "node:readline";

/** Lines that arrive closer together than this were pasted, ms: they are one message. */
const pasteMs = 30;

/**
 * Reads messages until the end of input (Ctrl-D) or Ctrl-C at the prompt; Ctrl-C during an answer stops the answer.
 * @param answer gives one answer; its signal is aborted by Ctrl-C.
 */
export async function converse(
  model: string,
  answer: (message: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  let answering: AbortController | null = null;
  terminal.on("SIGINT", () => {
    if (answering) answering.abort();
    else terminal.close();
  });
  process.stdout.write(`${model}: type a message. Ctrl-C stops an answer, Ctrl-D ends.\n`);
  const messages = createMessages(terminal);
  try {
    for (;;) {
      terminal.prompt();
      const message = await messages.next();
      if (message === null) break;
      if (message.trim() === "") continue;
      answering = new AbortController();
      await answer(message, answering.signal);
      answering = null;
    }
    process.stdout.write("\n");
  } finally {
    terminal.close();
  }
}

/** Lines of the terminal gathered into messages; null at the end of input. */
function createMessages(terminal: ReturnType<typeof createInterface>): {
  next(): Promise<string | null>;
} {
  let lines: string[] = [];
  const ready: (string | null)[] = [];
  let wake: (() => void) | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (end: boolean): void => {
    clearTimeout(timer);
    if (lines.length > 0) ready.push(lines.join("\n"));
    if (end) ready.push(null);
    lines = [];
    wake?.();
  };
  terminal.on("line", (line) => {
    lines.push(line);
    clearTimeout(timer);
    timer = setTimeout(() => flush(false), pasteMs);
  });
  terminal.on("close", () => flush(true));
  return {
    async next() {
      while (ready.length === 0) {
        await new Promise<void>((resolve) => (wake = resolve));
      }
      return ready.shift() ?? null;
    },
  };
}
