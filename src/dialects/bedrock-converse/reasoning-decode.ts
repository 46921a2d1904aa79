// What a request says about reasoning and sampling in `additionalModelRequestFields`, in every family's own words.
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-reasoning.html
import type { Reasoning } from "../../ir/chat.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { field, stringOr } from "../fields.ts";
import { withExt } from "./wire.ts";

export interface Additional {
  reasoning?: Reasoning;
  topK?: number;
  /** Members that only the model understands. */
  rest: JsonObject;
}

/** `effort`: from `outputConfig`. */
export function decodeAdditional(fields: JsonObject, effort: string | undefined): Additional {
  const rest: JsonObject = { ...fields };
  const said: JsonObject = {};
  const take = (name: string): unknown => {
    const value = field(fields, name);
    if (value !== undefined) said[name] = value;
    delete rest[name];
    return value;
  };
  const thinking = take("thinking") ?? take("reasoningConfig") ?? take("reasoning_config");
  const word = effort ?? effortIn(fields, take) ?? stringOr(take("reasoning_effort"));
  const wish = decodeWish(thinking, word);
  const topK = takeTopK(fields, rest);
  if (!wish) return { ...topK, rest: { ...rest, ...said } };
  const own = effort === undefined ? said : { ...said, effort };
  return { reasoning: { ...wish, ...withExt(own) }, ...topK, rest };
}

/** `output_config: { effort }`, with nothing beside it. */
function effortIn(fields: JsonObject, take: (name: string) => unknown): string | undefined {
  const config = field(fields, "output_config");
  const isLone = isObject(config) && Object.keys(config).length === 1;
  const effort = isLone ? stringOr(field(config, "effort")) : undefined;
  if (effort !== undefined) take("output_config");
  return effort;
}

function decodeWish(thinking: unknown, effort: string | undefined): Reasoning | undefined {
  const asked = effort === undefined ? {} : { effort };
  if (typeof thinking === "string") return { mode: "effort", effort: thinking };
  if (!isObject(thinking)) return effort === undefined ? undefined : { mode: "effort", effort };
  const tokens = field(thinking, "budget_tokens");
  const most = stringOr(field(thinking, "maxReasoningEffort"));
  switch (field(thinking, "type")) {
    case "disabled":
      return { mode: "off" };
    case "enabled":
      if (most !== undefined) return { mode: "effort", effort: most };
      return Number.isSafeInteger(tokens)
        ? { mode: "budget", tokens: Number(tokens) }
        : { mode: "adaptive", ...asked };
    case "adaptive":
      return { mode: "adaptive", ...asked };
    default:
      return undefined;
  }
}

/** Anthropic's and Nova's ways to say top-k. */
function takeTopK(fields: JsonObject, rest: JsonObject): { topK?: number } {
  const plain = field(fields, "top_k");
  if (Number.isSafeInteger(plain)) {
    delete rest["top_k"];
    return { topK: Number(plain) };
  }
  const config = field(fields, "inferenceConfig");
  if (!isObject(config) || !Number.isSafeInteger(field(config, "topK"))) return {};
  const { topK, ...others } = config;
  if (Object.keys(others).length > 0) rest["inferenceConfig"] = others;
  else delete rest["inferenceConfig"];
  return { topK: Number(topK) };
}
