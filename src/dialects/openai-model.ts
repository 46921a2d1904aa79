// What OpenAI's own models accept, whichever of its wires they are asked in, read off their names. The API refuses whatever a model does not take.
// https://developers.openai.com/api/docs/models and …/guides/reasoning, …/guides/latest-model

import type { Losses } from "./losses.ts";

export interface ModelTraits {
  /** Words for `reasoning_effort`, least first; empty where the field is refused. Undefined: not known, any word is sent. */
  efforts?: readonly string[];
  /** Effort of a request that names none. */
  defaultEffort?: string;
  /** `temperature`, `top_p` and the penalties: always, only at effort `none`, or never. */
  sampling: "always" | "effort-none" | "never";
  hasStop: boolean;
  /**
   * Function tools together with reasoning. `unstated`: only while the request names no effort; `no`: only at effort `none`.
   * https://github.com/openai/openai-openapi/issues/541
   */
  toolsWithReasoning: "yes" | "unstated" | "no";
  hasJsonSchema: boolean;
  /** Free-form tools (`custom`). Most servers that copy these wires know functions only. */
  hasFreeformTools: boolean;
  /** `verbosity`; others take only its default. */
  hasVerbosity: boolean;
  /** Most tokens of one answer. */
  maxOutputTokens?: number;
}

/** The verbosity to ask a model for: agents ask for what the model they know takes, whoever answers in its place. */
export function fitVerbosity(
  asked: string | undefined,
  traits: ModelTraits,
  losses: Losses,
): string | undefined {
  if (asked === undefined || asked === "medium" || traits.hasVerbosity) return asked;
  losses.lose("verbosity", "the model takes only `medium`");
  return undefined;
}

/** Other vendors' models: nothing is held back. */
const unknown: ModelTraits = {
  sampling: "always",
  hasStop: true,
  toolsWithReasoning: "yes",
  hasJsonSchema: true,
  hasFreeformTools: false,
  hasVerbosity: true,
};

/** Models before and beside the ones that reason. */
const plain: ModelTraits = { ...unknown, efforts: [], hasVerbosity: false };

/** @example traitsOf("o4-mini-2025-04-16").sampling // → "never" */
export function traitsOf(model: string): ModelTraits {
  const series = /^o(\d+)(?:-|$)/.exec(model);
  if (series) return oSeries(model);
  const gpt = /^gpt-(\d+)(?:\.(\d+))?(?:-(.+))?$/.exec(model);
  if (gpt && Number(gpt[1]) >= 5) return reasoningGpt(gpt);
  if (!/^(?:chatgpt-4o|gpt-[34])/.test(model) || model.startsWith("gpt-oss")) return unknown;
  return {
    ...plain,
    hasJsonSchema: !/^(?:gpt-3|gpt-4(?:-|$)|gpt-4o-2024-05-13|chatgpt-4o)/.test(model),
    sampling: model.includes("search-preview") ? "never" : "always",
    maxOutputTokens: outputOf(model),
  };
}

function outputOf(model: string): number {
  if (model.startsWith("gpt-4.1")) return 32_768;
  if (model === "gpt-4o-2024-05-13") return 4_096;
  if (/^(?:gpt-4o|chatgpt-4o|gpt-4\.5)/.test(model)) return 16_384;
  return /^gpt-4(?:-0|-32k|$)/.test(model) ? 8_192 : 4_096;
}

const oSeries = (model: string): ModelTraits => ({
  ...unknown,
  efforts: ["low", "medium", "high"],
  defaultEffort: "medium",
  sampling: "never",
  hasVerbosity: false,
  maxOutputTokens: /^o1-(?:mini|preview)/.test(model) ? 32_768 : 100_000,
  hasStop: /^(?:o1|o3-mini)(?:-|$)/.test(model),
});

function reasoningGpt([, major, minor, variant = ""]: RegExpExecArray): ModelTraits {
  const release = Number(major) * 100 + Number(minor ?? 0);
  if (release === 500 && variant.startsWith("chat")) {
    return { ...plain, maxOutputTokens: 16_384 };
  }
  const canRest = release < 600 || /^(?:sol|luna|terra)/.test(variant);
  const always = release === 601 && variant.startsWith("sol");
  const rests = release > 500 && canRest && !always;
  return {
    ...unknown,
    hasFreeformTools: true,
    efforts: [
      ...(rests ? ["none"] : []),
      ...(release === 500 ? ["minimal"] : []),
      "low",
      "medium",
      "high",
      ...(release >= 502 ? ["xhigh"] : []),
      ...(release >= 506 ? ["max"] : []),
    ],
    defaultEffort: release > 500 && release < 506 ? "none" : "medium",
    sampling: rests ? "effort-none" : "never",
    hasStop: false,
    maxOutputTokens: 128_000,
    toolsWithReasoning:
      release >= 506 && release < 600 ? "no" : release >= 504 && release < 600 ? "unstated" : "yes",
  };
}
