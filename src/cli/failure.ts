// What a failed command tells, and with which exit code.
import { ConfigError, formatProblem, type Problem } from "../config/problems.ts";
import { commandLine } from "../config/load.ts";
import { GatewayError } from "../ir/error.ts";
import { ListenError } from "../server/listen.ts";
import { StoreError } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";

/** Every problem, and how many there are. */
export const formatProblems = (problems: readonly Problem[]): string =>
  [
    ...problems.map((problem) => formatProblem(problem)),
    `${problems.length} problem${problems.length === 1 ? "" : "s"}`,
  ].join("\n");

/**
 * Any thrown value as the end of a command.
 * @param exitCode for failures that do not bring their own.
 */
export function toExitError(error: unknown, exitCode: number = exitCodes.failed): ExitError {
  if (error instanceof ExitError) return error;
  if (error instanceof ConfigError) {
    const isTyped = error.problems.every((problem) => problem.file === commandLine);
    return isTyped
      ? new ExitError(exitCodes.usage, error.message)
      : new ExitError(exitCode, formatProblems(error.problems));
  }
  return new ExitError(exitCode, isExpected(error) ? error.message : defect(error));
}

/** The message was written for people, by us or by the operating system (`EACCES: permission denied, …`). */
const isExpected = (error: unknown): error is Error =>
  error instanceof StoreError ||
  error instanceof ListenError ||
  error instanceof GatewayError ||
  (error instanceof Error && /^E[A-Z0-9]+$/.test((error as NodeJS.ErrnoException).code ?? ""));

const defect = (error: unknown): string =>
  `MegaLLM failed. This is a defect; please report it with these lines:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
