// What a guardrail is: a rule over the texts of requests and answers, and what is done where it finds something.
import type { GuardrailSettings } from "../config/guardrails.ts";

export type Direction = "input" | "output";
export type Action = "block" | "mask" | "log";

/** Something found in a text, end exclusive. `kind` names what it is, never what it says. */
export interface Match {
  start: number;
  end: number;
  kind: string;
}

/** Reads one text piece by piece and finds what stands in it, in time linear in the text. */
export interface Matcher {
  /** More of the text. */
  push(text: string): void;
  /** The text is over. */
  end(): void;
  /** What of it is of any kind, as soon as that is sure. */
  readonly matched: string | null;
  /** Whatever begins before this place has been found, or is none. */
  readonly settled: number;
  /** The matches before {@link Matcher.settled}, each given once. */
  take(): Match[];
}

/** What a verdict on whole texts may look at. */
export interface Content {
  direction: Direction;
  texts: readonly string[];
  /** As the client wrote it. */
  model: string;
  requestId: string;
  signal: AbortSignal;
}

/** `edit`: the texts as they are to be, as many as there were. */
export type Verdict =
  | { verdict: "allow" }
  | { verdict: "edit"; texts: readonly string[]; kind: string }
  | { verdict: "block"; kind: string };

/**
 * How a guardrail looks at texts. `match`: at each on its own, piece by piece. `measure`: at how much there is.
 * `answer`: at what each candidate of a whole answer says. `judge`: at all texts at once, which may take its time.
 */
export type Check =
  | { by: "match"; matchers(): Matcher[] }
  | { by: "measure"; create(): Measure }
  | { by: "answer"; fault(text: string): string | null }
  | { by: "judge"; judge(content: Content): Promise<Verdict> };

/** Tells of too much as soon as there is. */
export interface Measure {
  /** The kind of excess, if there is one now. */
  add(text: string): string | null;
}

export interface Guardrail {
  readonly settings: GuardrailSettings;
  readonly check: Check;
}

/** What a guardrail has found. Holds nothing of the text. */
export interface Finding {
  guardrail: string;
  kind: string;
  direction: Direction;
  /** Where, e.g. `messages[0].content`. */
  place: string;
  action: Action;
}

/** Whether it looks at what goes this way. */
export const looksAt = ({ settings }: Guardrail, direction: Direction): boolean =>
  settings.mode === "both" || settings.mode === direction;

/** What stands in the place of a match. */
export const replacementOf = ({ settings }: Guardrail, kind: string): string =>
  settings.replacement ?? `[${kind}]`;
