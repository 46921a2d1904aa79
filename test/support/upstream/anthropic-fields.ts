// Anthropic's rules for limits, sampling, thinking, effort and prompt caching.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { ClaudeModel } from "./anthropic-models.ts";
import { ttlOf } from "./anthropic-prompt.ts";
import type { AnthropicTerms } from "./anthropic-terms.ts";
import { refuseText } from "./anthropic-turns.ts";
import { invalid } from "./anthropic-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

export function refuseOutputLimit(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  const limit = Number(body["max_tokens"]);
  return limit <= model.maxOutputTokens
    ? undefined
    : invalid(
        `max_tokens: ${limit} > ${model.maxOutputTokens}, which is the maximum allowed number of output tokens for ${model.snapshot}`,
      );
}

export function refuseSampling(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  if (!model.sampling) {
    // The defaults of the parameters are taken on models that take no others.
    const set = ["temperature", "top_p", "top_k"].find(
      (name) => body[name] !== undefined && (body[name] !== 1 || name === "top_k"),
    );
    return set === undefined ? undefined : invalid(`\`${set}\` is deprecated for this model.`);
  }
  return !model.samplingTogether && body["temperature"] !== undefined && body["top_p"] !== undefined
    ? invalid(
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
      )
    : undefined;
}

export function refuseStopSequences(body: JsonObject): Refusal | undefined {
  const sequences: readonly unknown[] = Array.isArray(body["stop_sequences"])
    ? body["stop_sequences"]
    : [];
  return sequences.some((sequence) => String(sequence).trim() === "")
    ? invalid("stop_sequences: each stop sequence must contain non-whitespace")
    : undefined;
}

const consult =
  "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking";

export function refuseThinking(
  body: JsonObject,
  model: ClaudeModel,
  { betas }: AnthropicTerms,
): Refusal | undefined {
  const thinking = isObject(body["thinking"]) ? body["thinking"] : undefined;
  if (thinking === undefined) return undefined;
  const wrongType = refuseThinkingType(String(thinking["type"]), body, model);
  if (wrongType !== undefined) return wrongType;
  const thinks = thinking["type"] === "enabled" || thinking["type"] === "adaptive";
  if (!thinks) return undefined;
  if (body["temperature"] !== undefined && body["temperature"] !== 1) {
    return invalid(
      `\`temperature\` may only be set to 1 when thinking is enabled or in adaptive mode. ${consult}`,
    );
  }
  if (body["top_k"] !== undefined)
    return invalid(
      `\`top_k\` must be unset when thinking is enabled or in adaptive mode. ${consult}`,
    );
  if (typeof body["top_p"] === "number" && body["top_p"] < 0.95) {
    return invalid(
      `\`top_p\` must be greater than or equal to 0.95 or unset when thinking is enabled or in adaptive mode. ${consult}`,
    );
  }
  if (thinking["type"] !== "enabled") return undefined;
  const interleaved =
    betas === "any" || [...betas].some((name) => name.startsWith("interleaved-thinking-"));
  const tools = objects(body["tools"]).length > 0;
  const limit = body["max_tokens"];
  if (
    typeof limit === "number" &&
    limit <= Number(thinking["budget_tokens"]) &&
    !(interleaved && tools)
  ) {
    return invalid(
      `\`max_tokens\` must be greater than \`thinking.budget_tokens\`. ${consult}#max-tokens-and-context-window-size`,
    );
  }
  const choice = isObject(body["tool_choice"]) ? body["tool_choice"]["type"] : "auto";
  return choice === "any" || choice === "tool"
    ? invalid("Thinking may not be enabled when tool_choice forces tool use.")
    : undefined;
}

function refuseThinkingType(
  type: string,
  body: JsonObject,
  model: ClaudeModel,
): Refusal | undefined {
  const known = model.thinking.some((one) => one === type);
  if (!known && type === "enabled" && model.thinking.includes("adaptive")) {
    return invalid(
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
    );
  }
  if (!known && type === "adaptive")
    return invalid("adaptive thinking is not supported on this model");
  if (!known) return invalid(`"thinking.type.${type}" is not supported for this model.`);
  const effort = isObject(body["output_config"]) ? body["output_config"]["effort"] : undefined;
  return type === "disabled" && !model.disabledAboveHigh && (effort === "xhigh" || effort === "max")
    ? invalid(`"thinking.type.disabled" is not supported at effort '${effort}' for this model.`)
    : undefined;
}

export function refuseEffort(body: JsonObject, model: ClaudeModel): Refusal | undefined {
  const efforts = [body, ...objects(body["messages"])].flatMap((holder) => {
    const effort = isObject(holder["output_config"])
      ? holder["output_config"]["effort"]
      : undefined;
    return typeof effort === "string" ? [effort] : [];
  });
  if (efforts.length > 0 && model.efforts.length === 0) {
    return invalid("This model does not support the effort parameter.");
  }
  const unknown = efforts.find((effort) => !model.efforts.includes(effort));
  return unknown === undefined
    ? undefined
    : invalid(
        `This model does not support effort level '${unknown}'. Supported levels: ${model.efforts.toSorted().join(", ")}.`,
      );
}

export function refuseSystem(body: JsonObject): Refusal | undefined {
  for (const [index, block] of objects(body["system"]).entries()) {
    const refusal = refuseText(block, "system", `system.${index}`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Cache breakpoints in the order in which the vendor reads a request: tools, system, messages. */
function* breakpoints(body: JsonObject): Generator<readonly [place: string, ttl: string]> {
  const own = (block: JsonObject, place: string): [string, string][] =>
    isObject(block["cache_control"]) ? [[place, ttlOf(block["cache_control"])]] : [];
  for (const [index, tool] of objects(body["tools"]).entries()) yield* own(tool, `tools.${index}`);
  for (const [index, block] of objects(body["system"]).entries())
    yield* own(block, `system.${index}`);
  for (const [index, message] of objects(body["messages"]).entries()) {
    for (const [at, block] of objects(message["content"]).entries()) {
      const place = `messages.${index}.content.${at}`;
      for (const [inside, part] of objects(block["content"]).entries())
        yield* own(part, `${place}.content.${inside}`);
      yield* own(block, place);
    }
  }
  yield* own(body, "");
}

export function refuseCaching(body: JsonObject): Refusal | undefined {
  const found = [...breakpoints(body)];
  if (found.length > 4) {
    return invalid(
      `A maximum of 4 blocks with cache_control may be provided. Found ${found.length}.`,
    );
  }
  let short = false;
  for (const [place, ttl] of found) {
    if (ttl === "1h" && short) {
      return invalid(
        `${place === "" ? "" : `${place}.`}cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: \`tools\`, \`system\`, \`messages\`.`,
      );
    }
    short ||= ttl === "5m";
  }
  return undefined;
}
