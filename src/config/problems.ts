// What is wrong with a configuration, where it stands, and how to mend it.
import { closest, distance } from "fastest-levenshtein";
import type { FileMarks } from "../lib/file-mark.ts";
import type { Path } from "../lib/json.ts";

export interface Problem {
  /** As the user named it. */
  file: string;
  /** From 1; 0 when the problem has no place in a text. */
  line: number;
  /** From 1; 0 when the problem has no place in a text. */
  column: number;
  /** The place in the configuration, e.g. `providers.openai.api_kee`; empty for the whole. */
  path: string;
  message: string;
  /** What to do about it. */
  hint?: string;
  /** The line with secrets masked, and below it a caret under the offending text. */
  excerpt?: string;
}

/** The configuration cannot be used. Carries every problem found, in the order of the text. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];
  /** Files whose change may mend it: the configuration and what it includes. */
  readonly watched: FileMarks;

  constructor(problems: readonly Problem[], watched: FileMarks = new Map()) {
    super(problems.map(formatProblem).join("\n"));
    this.problems = problems;
    this.watched = watched;
  }
}

/**
 * One problem as people read it.
 * @example
 * megallm.yaml:12:5: unknown key `api_kee` in providers.openai — did you mean `api_key`?
 *       api_kee: ***
 *       ^^^^^^^
 */
export function formatProblem(problem: Problem): string {
  const path = problem.path === "" ? "" : `: ${problem.path}`;
  const place =
    problem.line > 0
      ? `${problem.file}:${problem.line}:${problem.column}`
      : `${problem.file}${path}`;
  const hint = problem.hint === undefined ? "" : ` — ${problem.hint}`;
  const excerpt =
    problem.excerpt === undefined
      ? ""
      : `\n${problem.excerpt
          .split("\n")
          .map((line) => `  ${line}`)
          .join("\n")}`;
  return `${place}: ${problem.message}${hint}${excerpt}`;
}

/** A problem without a place in a text. */
export const plainProblem = (
  file: string,
  message: string,
  hint?: string,
  path: Path = [],
): Problem => ({
  file,
  line: 0,
  column: 0,
  path: formatPath(path),
  message,
  ...(hint === undefined ? {} : { hint }),
});

/** @example formatPath(["models", "gpt-4.1", "deployments", 0]) // → 'models["gpt-4.1"].deployments[0]' */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** The candidate that the user most likely meant; undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const lower = word.toLowerCase().slice(0, 100);
  const best = closest(lower, candidates);
  const tolerance = word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3));
  if (distance(lower, best.toLowerCase()) <= tolerance) return best;
  // What people add or leave out: `maxBody`, `openai-key`.
  const bare = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return candidates.find((candidate) => bare(candidate) === bare(word));
}

/** @example didYouMean("opnai", ["openai"]) // → "did you mean `openai`?" */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const best = nearest(word, candidates);
  return best === undefined ? undefined : `did you mean \`${best}\`?`;
}

/** Text from the configuration, short enough and safe to print in a message. */
export const quoted = (text: string): string => {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
  return `\`${clean.length > 80 ? `${clean.slice(0, 80)}…` : clean}\``;
};
