// What the OpenAI models of the double can and cannot do, as far as requests are judged by it.

/** https://developers.openai.com/api/docs/models */
export interface OpenAiModel {
  /** The name answers carry. */
  snapshot: string;
  endpoint: "chat" | "responses" | "completions" | "embeddings" | "moderations";
  contextTokens: number;
  maxOutputTokens: number;
  reasoning: boolean;
  /** Efforts accepted; empty for models that do not reason. */
  efforts: readonly string[];
  /** Effort when the request names none. */
  defaultEffort?: string;
  /** Sampling parameters: always, only at effort `none`, or never. */
  sampling: "always" | "effort-none" | "never";
  /** `stop` is taken. */
  stop: boolean;
  /** Function tools together with reasoning. `unstated`: only while the request names no effort. */
  toolsWithReasoning: "yes" | "unstated" | "no";
  audio: boolean;
  search: boolean;
  dimensions?: number;
}

const base: Omit<OpenAiModel, "snapshot"> = {
  endpoint: "chat",
  contextTokens: 128_000,
  maxOutputTokens: 16_384,
  reasoning: false,
  efforts: [],
  sampling: "always",
  stop: true,
  toolsWithReasoning: "yes",
  audio: false,
  search: false,
};

const oSeries: Omit<OpenAiModel, "snapshot"> = {
  ...base,
  contextTokens: 200_000,
  maxOutputTokens: 100_000,
  reasoning: true,
  efforts: ["low", "medium", "high"],
  defaultEffort: "medium",
  sampling: "never",
};

const gpt5: Omit<OpenAiModel, "snapshot"> = {
  ...oSeries,
  stop: false,
  contextTokens: 400_000,
  maxOutputTokens: 128_000,
  efforts: ["minimal", "low", "medium", "high"],
};

const gpt51: typeof gpt5 = {
  ...gpt5,
  efforts: ["none", "low", "medium", "high"],
  defaultEffort: "none",
  sampling: "effort-none",
};

const gpt52: typeof gpt5 = { ...gpt51, efforts: ["none", "low", "medium", "high", "xhigh"] };
// https://github.com/openai/openai-openapi/issues/541
const gpt54: typeof gpt5 = { ...gpt52, contextTokens: 1_050_000, toolsWithReasoning: "unstated" };
const gpt56: typeof gpt5 = {
  ...gpt54,
  efforts: ["none", "low", "medium", "high", "xhigh", "max"],
  defaultEffort: "medium",
  toolsWithReasoning: "no",
};
const gpt6: typeof gpt5 = {
  ...gpt56,
  efforts: ["low", "medium", "high", "xhigh", "max"],
  sampling: "never",
  toolsWithReasoning: "yes",
};
const gpt6Configurable: typeof gpt5 = { ...gpt6, efforts: gpt56.efforts, sampling: "effort-none" };

const date = "(?:-\\d{4}-\\d{2}-\\d{2})?";
/** Name pattern (dates of snapshots allowed), what the model can do, and the date of its snapshot. */
const families: readonly (readonly [
  pattern: string,
  model: Omit<OpenAiModel, "snapshot">,
  date?: string,
])[] = [
  [
    "gpt-3\\.5-turbo(?:-16k|-0301|-0613|-1106|-0125|-16k-0613)?",
    { ...base, contextTokens: 16_385, maxOutputTokens: 4_096 },
    "-0125",
  ],
  ["gpt-4(?:-0314|-0613)?", { ...base, contextTokens: 8_192, maxOutputTokens: 8_192 }, "-0613"],
  [
    "gpt-4-32k(?:-0314|-0613)?",
    { ...base, contextTokens: 32_768, maxOutputTokens: 32_768 },
    "-0613",
  ],
  [
    `gpt-4-turbo(?:-preview)?${date}|gpt-4-0125-preview|gpt-4-1106-preview|gpt-4-vision-preview`,
    { ...base, maxOutputTokens: 4_096 },
  ],
  [`gpt-4o(?:-mini)?-audio-preview${date}|gpt-audio(?:-mini)?${date}`, { ...base, audio: true }],
  [`gpt-4o(?:-mini)?-search-preview${date}`, { ...base, search: true }],
  [`gpt-4o-mini${date}`, base, "-2024-07-18"],
  [`gpt-4o${date}|chatgpt-4o-latest`, base, "-2024-08-06"],
  [
    `gpt-4\\.1(?:-mini|-nano)?${date}`,
    { ...base, contextTokens: 1_047_576, maxOutputTokens: 32_768 },
    "-2025-04-14",
  ],
  [`gpt-4\\.5-preview${date}`, base, "-2025-02-27"],
  [`o1${date}`, oSeries, "-2024-12-17"],
  [`o3-mini${date}`, oSeries, "-2025-01-31"],
  [`o3${date}`, { ...oSeries, stop: false }, "-2025-04-16"],
  [`o4-mini${date}`, { ...oSeries, stop: false }, "-2025-04-16"],
  ["gpt-5-chat-latest", base],
  [`gpt-5(?:-mini|-nano)?${date}`, gpt5, "-2025-08-07"],
  [
    `gpt-5(?:\\.\\d)?-(?:pro|codex|codex-mini|codex-max)${date}|codex-mini-latest|o[13]-pro${date}`,
    { ...gpt5, endpoint: "responses" },
  ],
  [`computer-use-preview${date}`, { ...base, endpoint: "responses" }, "-2025-03-11"],
  [`gpt-5\\.1(?:-mini|-chat-latest)?${date}`, gpt51, "-2025-11-13"],
  [`gpt-5\\.[23](?:-chat-latest)?${date}`, gpt52, "-2025-12-11"],
  [`gpt-5\\.[45](?:-mini|-nano)?${date}`, gpt54],
  [`gpt-5\\.6(?:-sol|-terra|-luna)?${date}`, gpt56],
  [`gpt-6-astra${date}|gpt-6\\.1-sol${date}`, gpt6],
  [`gpt-6(?:\\.1)?-(?:sol|luna|terra)${date}`, gpt6Configurable],
  [
    "gpt-3\\.5-turbo-instruct(?:-0914)?|davinci-002|babbage-002",
    { ...base, endpoint: "completions", contextTokens: 16_385 },
  ],
  ["text-embedding-3-small", { ...base, endpoint: "embeddings", dimensions: 1_536 }],
  ["text-embedding-3-large", { ...base, endpoint: "embeddings", dimensions: 3_072 }],
  ["text-embedding-ada-002", { ...base, endpoint: "embeddings", dimensions: 1_536 }],
  [
    "(?:omni|text)-moderation-(?:latest|stable|007|2024-09-26)",
    { ...base, endpoint: "moderations" },
  ],
];

const compiled = families.map(
  ([pattern, model, snapshot]) => [new RegExp(`^(?:${pattern})$`), model, snapshot] as const,
);

/** What is known of a model; undefined when there is none of that name. */
export function findOpenAiModel(name: string): OpenAiModel | undefined {
  const found = compiled.find(([pattern]) => pattern.test(name));
  if (found === undefined) return undefined;
  const [, model, snapshot] = found;
  const dated = /\d{4}$|\d{2}-\d{2}$|-latest$|-preview$/.test(name);
  return { ...model, snapshot: snapshot === undefined || dated ? name : name + snapshot };
}

/** A model that a test names itself: a plain chat model that takes everything such a model takes. */
export const plainModel = (name: string): OpenAiModel => ({ ...base, snapshot: name });

/** What `GET /v1/models` lists. */
export const openAiModelNames: readonly string[] = [
  "gpt-3.5-turbo",
  "gpt-4",
  "gpt-4o",
  "gpt-4o-mini",
  "gpt-4.1",
  "gpt-4.1-mini",
  "gpt-4.1-nano",
  "o3-mini",
  "o4-mini",
  "gpt-5",
  "gpt-5-mini",
  "gpt-5-nano",
  "gpt-5.1",
  "gpt-5.2",
  "gpt-5.4",
  "gpt-5.6-sol",
  "gpt-6-sol",
  "gpt-6-astra",
  "gpt-3.5-turbo-instruct",
  "text-embedding-3-small",
  "text-embedding-3-large",
  "text-embedding-ada-002",
  "omni-moderation-latest",
];
