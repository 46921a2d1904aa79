// What a Gemini model accepts of this wire, read off its name. Data; the API refuses whatever a model does not take.
// https://ai.google.dev/gemini-api/docs/thinking, …/thought-signatures, …/whats-new-gemini-3.6 and the pages of each model
import type { ModelFacts } from "../dialect.ts";

/** How a model is told how hard to think. */
export type ThinkingForm =
  | { form: "none" }
  /** Not known: nothing is sent. */
  | { form: "unknown" }
  | { form: "budget"; least: number; most: number; canDisable: boolean }
  /** Words for `thinkingLevel`, least first. */
  | { form: "level"; levels: readonly string[] };

export interface ModelTraits {
  thinking: ThinkingForm;
  /** A function call in the history must be signed. */
  needsSignature: boolean;
  /** Function results may hold pictures and documents. */
  hasResultMedia: boolean;
  /** Structured output beside function tools. */
  hasSchemaWithTools: boolean;
  /** The last content may be the model's, to be continued. */
  hasPrefill: boolean;
  /** `temperature`, `topP`, `topK`. */
  hasSampling: boolean;
  hasPenalties: boolean;
  /** More than one answer at a time. */
  hasCandidates: boolean;
  /** `mediaResolution` of a single part. */
  hasPartResolution: boolean;
  /** Most tokens of one answer. */
  maxOutputTokens?: number;
}

/** Tuned models, Gemma and whatever other servers of this wire have: nothing is held back. */
const unknown: ModelTraits = {
  thinking: { form: "unknown" },
  needsSignature: false,
  hasResultMedia: false,
  hasSchemaWithTools: true,
  hasPrefill: true,
  hasSampling: true,
  hasPenalties: true,
  hasCandidates: true,
  hasPartResolution: false,
};

const budgets: readonly { name: RegExp; thinking: ThinkingForm }[] = [
  { name: /flash-image/, thinking: { form: "none" } },
  { name: /-tts/, thinking: { form: "none" } },
  {
    name: /flash-lite/,
    thinking: { form: "budget", least: 512, most: 24_576, canDisable: true },
  },
  { name: /flash/, thinking: { form: "budget", least: 1, most: 24_576, canDisable: true } },
  { name: /./, thinking: { form: "budget", least: 128, most: 32_768, canDisable: false } },
];

const levels: readonly { name: RegExp; levels: readonly string[] }[] = [
  { name: /-pro-image/, levels: ["high"] },
  { name: /-image/, levels: ["minimal", "high"] },
  { name: /gemini-3-pro/, levels: ["low", "high"] },
  { name: /-pro/, levels: ["low", "medium", "high"] },
  { name: /flash-lite/, levels: ["minimal", "low", "medium", "high"] },
  { name: /gemini-3(?:\.[0-6])?-flash/, levels: ["minimal", "low", "medium", "high"] },
  { name: /./, levels: ["low", "medium", "high"] },
];

/** @example traitsOf("gemini-2.5-pro", {}).thinking // → { form: "budget", least: 128, most: 32768, canDisable: false } */
export function traitsOf(model: string, facts: ModelFacts): ModelTraits {
  const traits = ofName(model.toLowerCase());
  return facts.reasoning === false ? { ...traits, thinking: { form: "none" } } : traits;
}

/** `gemini-3.1-pro-preview`, `models/gemini-2.5-flash-lite`, `google/gemini-2.0-flash-001` … */
const version = /gemini-(\d+)(?:\.(\d+))?-/;
/** Names that always mean the newest model of their kind. */
const newest = /gemini-(?:pro|flash|flash-lite)-latest/;
const current = 308;

function ofName(model: string): ModelTraits {
  const found = version.exec(model);
  if (/embedding/.test(model) || (!found && !newest.test(model))) return unknown;
  const release = found ? Number(found[1]) * 100 + Number(found[2] ?? 0) : current;
  const isImage = /-image/.test(model);
  if (release < 300) {
    const thinking = release < 205 ? undefined : budgets.find(({ name }) => name.test(model));
    return {
      ...unknown,
      thinking: thinking?.thinking ?? { form: "none" },
      hasSchemaWithTools: false,
      maxOutputTokens: release < 205 ? 8192 : isImage ? 32_768 : 65_536,
    };
  }
  // The newest ones ignore sampling settings, refuse penalties and a model's turn at the end.
  const isStrict = release >= 306 || (release >= 305 && /flash-lite/.test(model));
  return {
    thinking: { form: "level", levels: levels.find(({ name }) => name.test(model))?.levels ?? [] },
    needsSignature: true,
    hasResultMedia: !isImage,
    hasSchemaWithTools: true,
    hasPrefill: !isStrict,
    hasSampling: !isStrict,
    hasPenalties: !isStrict,
    hasCandidates: false,
    hasPartResolution: true,
    maxOutputTokens: isImage ? 32_768 : 65_536,
  };
}

/**
 * A model's name without what differs between versions that read each other's signatures.
 * @example modelFamily("models/gemini-3-flash-preview-09-2025") // → "gemini-3-flash"
 */
export const modelFamily = (model: string): string =>
  model
    .slice(model.lastIndexOf("/") + 1)
    .toLowerCase()
    .replace(/-(?:preview|exp|latest|\d{3}$).*$/, "");

/** Thinking tokens for an effort word, as Google's own OpenAI-compatible API has them: https://ai.google.dev/gemini-api/docs/openai#thinking */
export const effortBudgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

/** Effort words, least first. */
export const effortOrder: readonly string[] = ["minimal", "low", "medium", "high", "xhigh", "max"];

/** The word that a budget of so many tokens comes nearest to. */
export const effortOfTokens = (tokens: number): string =>
  tokens <= 1024 ? "low" : tokens <= 8192 ? "medium" : "high";
