// What the Claude models of the double can and cannot do, as far as requests are judged by it.

export type ThinkingType = "enabled" | "adaptive" | "disabled" | "between_tools";

/** https://platform.claude.com/docs/en/build-with-claude/thinking-troubleshooting and the pages of the models. */
export interface ClaudeModel {
  /** The name answers carry. */
  snapshot: string;
  displayName: string;
  contextTokens: number;
  maxOutputTokens: number;
  thinking: readonly ThinkingType[];
  /** Thinking can be disabled at the efforts `xhigh` and `max` too. */
  disabledAboveHigh: boolean;
  /** Thinking is not shown unless the request asks for a summary. */
  omitsThinking: boolean;
  /** Takes `temperature`, `top_p`, `top_k` (under API version 2023-06-01). */
  sampling: boolean;
  /** `temperature` and `top_p` together. */
  samplingTogether: boolean;
  /** `tool_choice` may be `any` or `tool`. */
  forcedTools: boolean;
  /** The conversation may end with the beginning of the answer. */
  prefill: boolean;
  /** `system` messages within the conversation. */
  systemMessages: boolean;
  efforts: readonly string[];
  structuredOutput: boolean;
}

type Traits = Omit<ClaudeModel, "snapshot" | "displayName">;

const claude3: Traits = {
  contextTokens: 200_000,
  maxOutputTokens: 4_096,
  thinking: ["disabled"],
  disabledAboveHigh: true,
  omitsThinking: false,
  sampling: true,
  samplingTogether: true,
  forcedTools: true,
  prefill: true,
  systemMessages: false,
  efforts: [],
  structuredOutput: false,
};
const claude35: Traits = { ...claude3, maxOutputTokens: 8_192 };
const claude37: Traits = {
  ...claude3,
  maxOutputTokens: 128_000,
  thinking: ["enabled", "disabled"],
};
const claude4: Traits = { ...claude37, maxOutputTokens: 64_000 };
const opus4: Traits = { ...claude4, maxOutputTokens: 32_000 };
const claude45: Traits = { ...claude4, samplingTogether: false, structuredOutput: true };
const opus45: Traits = { ...claude45, efforts: ["low", "medium", "high"] };
const claude46: Traits = {
  ...claude45,
  contextTokens: 1_000_000,
  maxOutputTokens: 128_000,
  thinking: ["enabled", "adaptive", "disabled"],
  prefill: false,
  efforts: ["low", "medium", "high", "max"],
};
const claude47: Traits = {
  ...claude46,
  thinking: ["adaptive", "disabled"],
  omitsThinking: true,
  sampling: false,
  efforts: ["low", "medium", "high", "xhigh", "max"],
};
const claude48: Traits = { ...claude47, systemMessages: true };
const opus5: Traits = { ...claude48, disabledAboveHigh: false };
const fable5: Traits = { ...claude48, thinking: ["adaptive"] };

const families: readonly (readonly [pattern: string, traits: Traits, snapshot?: string])[] = [
  ["claude-2\\.[01]|claude-instant-1\\.2", claude3],
  ["claude-3-(?:opus|sonnet|haiku)", claude3],
  ["claude-3-5-(?:sonnet|haiku)", claude35],
  ["claude-3-7-sonnet", claude37, "-20250219"],
  ["claude-sonnet-4(?:-0)?", claude4, "-20250514"],
  ["claude-opus-4(?:-0)?", opus4, "-20250514"],
  ["claude-opus-4-1", { ...opus4, samplingTogether: false, structuredOutput: true }, "-20250805"],
  ["claude-sonnet-4-5", claude45, "-20250929"],
  ["claude-haiku-4-5", claude45, "-20251001"],
  ["claude-opus-4-5", opus45, "-20251101"],
  ["claude-(?:opus|sonnet)-4-6", claude46],
  ["claude-opus-4-7", claude47],
  ["claude-opus-4-8", claude48],
  ["claude-sonnet-5", claude48],
  ["claude-opus-5", opus5],
  ["claude-(?:fable|mythos)-5", fable5],
  ["claude-(?:fable|mythos)-5-[12]", { ...fable5, forcedTools: false }],
  ["claude-haiku-5-5", opus5],
  ["claude-opus-5-5", { ...opus5, thinking: ["adaptive"], forcedTools: false }],
  ["claude-sonnet-5-5", { ...opus5, thinking: ["adaptive", "between_tools"], forcedTools: false }],
];

const compiled = families.map(
  ([pattern, traits, snapshot]) =>
    [new RegExp(`^(?:${pattern})(?:-\\d{8}|-latest)?$`), traits, snapshot] as const,
);

/** What is known of a model; undefined when there is none of that name. */
export function findClaudeModel(name: string): ClaudeModel | undefined {
  const found = compiled.find(([pattern]) => pattern.test(name));
  if (found === undefined) return undefined;
  const [, traits, date] = found;
  const dated = date === undefined || /-\d{8}$/.test(name);
  return { ...traits, ...named(dated ? name : name.replace(/-0$|-latest$/, "") + date) };
}

/** A model that a test names itself; it takes what the newest models take, and more. */
export const plainClaude = (name: string): ClaudeModel => ({
  ...claude48,
  thinking: ["enabled", "adaptive", "disabled"],
  sampling: true,
  samplingTogether: true,
  prefill: true,
  ...named(name),
});

const named = (snapshot: string): Pick<ClaudeModel, "snapshot" | "displayName"> => ({
  snapshot,
  displayName: snapshot
    .replace(/-\d{8}$/, "")
    .split("-")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(" ")
    .replace(/(\d) (\d)/, "$1.$2"),
});

/** What `GET /v1/models` lists, newest first. */
export const claudeModelNames: readonly string[] = [
  "claude-haiku-5-5",
  "claude-sonnet-5-5",
  "claude-opus-5-5",
  "claude-fable-5-1",
  "claude-opus-5",
  "claude-sonnet-5",
  "claude-opus-4-8",
  "claude-opus-4-6",
  "claude-sonnet-4-6",
  "claude-opus-4-5-20251101",
  "claude-haiku-4-5-20251001",
  "claude-sonnet-4-5-20250929",
];
