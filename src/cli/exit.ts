// Exit codes, one meaning each; `docs/cli.md` lists them.

export const exitCodes = {
  ok: 0,
  /** The command ran and the answer is no: a configuration with problems, a request that failed. */
  failed: 1,
  /** Wrong arguments. */
  usage: 2,
  /** The daemon could not start: bad configuration, address taken, no keys for a public address, data folder in use. */
  cannotStart: 3,
  /** No daemon answers. */
  notRunning: 4,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const;

/** Ends a command with a message for people and a code for scripts. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
