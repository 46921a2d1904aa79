// Every feature of a request by name, each in 0..1: the text's (which weights are trained on) and the conversation's.
import { choicesOf } from "./choices.ts";
import type { ComplexityInput } from "./input.ts";
import { shapeFeatures } from "./shape-features.ts";
import { choiceFeatures, groupCounts, textFeatures } from "./text-features.ts";
import { wordsOf } from "./words.ts";

/** Values by feature name. */
export type Features = Readonly<Record<string, number>>;

/** Features of a prompt's text alone. */
export function promptFeatures(prompt: string): Features {
  const text = wordsOf(prompt);
  const choices = choicesOf(text.text);
  const stem = choices.options.length > 0 ? wordsOf(choices.stem) : text;
  return {
    ...textFeatures(text, groupCounts(text.words)),
    ...choiceFeatures(choices, stem),
  };
}

/** The text whose features count: the last turn, or the one before where the last only agrees to it. */
export function promptOf(input: ComplexityInput): string {
  return leansOnTurnBefore(input) ? input.before : input.text;
}

/** Features of a whole request. */
export function requestFeatures(input: ComplexityInput): Features {
  const prompt = promptOf(input);
  const ends = `${prompt.slice(0, 160)}\n${prompt.slice(-160)}`.toLowerCase();
  const features = promptFeatures(prompt);
  const transforms = transformAsk.test(ends) ? 1 : 0;
  return {
    ...features,
    ...shapeFeatures(input),
    transformAsked: transforms,
    transformLength: transforms * (features["length"] ?? 0),
    problem: wordProblem(features),
    formula: formula(features),
    // `function`, `variable`, `set` are words of both.
    mathTalk: (features["mathWords"] ?? 0) * (1 - (features["codeWords"] ?? 0)),
    proofAsked: Number(proofAsk.test(ends)),
  };
}

/** `yes`, `continue`, `do it`: says how to go on, not with what. */
function leansOnTurnBefore(input: ComplexityInput): boolean {
  const text = input.text.trim();
  return (
    input.before !== "" &&
    text.length <= 60 &&
    !/\b(?:thanks?|thx|bye|gracias|merci|danke)\b/i.test(text) &&
    /^(?:yes|yep|yeah|ok|okay|sure|go|go on|go ahead|continue|do it|do that|please do|proceed|next|again|try again|and|now|same|retry|carry on|keep going|weiter|continua|continue[rz])\b/i.test(
      text,
    )
  );
}

const proofAsk = /\b(?:prove|proof|disprove|derive|counterexample|show that|by induction)\b/;

const transformAsk =
  /\b(?:translate|summari[sz]e|summary|tl;?dr|rewrite|rephrase|paraphrase|proofread|fix the (?:grammar|spelling|typos?)|correct the|extract|classify|categori[sz]e|label|convert|reformat|shorten|sentiment|list the|traduis|traduce|übersetze|résume|resume)\b/;

/** A question how much or how many over several numbers: to be worked out in steps. */
function wordProblem(features: Features): number {
  return (features["askHowMany"] ?? 0) * (features["numbers"] ?? 0);
}

/** Signs of mathematics, as far as they are not those of a program. */
function formula(features: Features): number {
  const { codeSigns = 0, codeFences = 0, stackTrace = 0, mathSigns = 0 } = features;
  return mathSigns * (1 - Math.max(codeSigns, codeFences, stackTrace));
}
