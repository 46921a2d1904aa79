// Judges the bodies of requests as Anthropic does: shape, betas, what the model allows, what fields mean together.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { refuseThread, refuseWithoutBeta } from "./anthropic-betas.ts";
import {
  refuseCaching,
  refuseEffort,
  refuseOutputLimit,
  refuseSampling,
  refuseStopSequences,
  refuseSystem,
  refuseThinking,
} from "./anthropic-fields.ts";
import type { ClaudeModel } from "./anthropic-models.ts";
import { countTokensRequest, messagesRequest } from "./anthropic-shape.ts";
import { plainTerms, type AnthropicTerms } from "./anthropic-terms.ts";
import { refuseFormat, refuseTools } from "./anthropic-tools.ts";
import { refuseMessages } from "./anthropic-turns.ts";
import { invalid, wordAnthropic } from "./anthropic-wording.ts";
import { findProblems, objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

type Rule = (body: JsonObject, model: ClaudeModel, terms: AnthropicTerms) => Refusal | undefined;

/** Judges the body of `POST /v1/messages`. */
export function refuseMessagesRequest(
  body: unknown,
  terms: AnthropicTerms = plainTerms,
): Refusal | undefined {
  return judge(body, terms, messagesRequest, messagesRules);
}

/** Judges the body of `POST /v1/messages/count_tokens`. */
export function refuseCountTokens(
  body: unknown,
  terms: AnthropicTerms = plainTerms,
): Refusal | undefined {
  return judge(body, terms, countTokensRequest, sharedRules);
}

function judge(
  body: unknown,
  terms: AnthropicTerms,
  shape: Parameters<typeof findProblems>[0],
  rules: readonly Rule[],
): Refusal | undefined {
  if (!isObject(body)) return invalid("The request body is not valid JSON: expected an object");
  const removed = refuseRemoved(body, terms);
  if (removed !== undefined) return removed;
  const [problem] = findProblems(shape, body);
  if (problem !== undefined) return wordAnthropic(problem, body);
  const name = String(body["model"]);
  const model = terms.find(name);
  if (model === undefined)
    return { status: 404, type: "not_found_error", message: `model: ${name}` };
  for (const rule of rules) {
    const refusal = rule(body, model, terms);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** https://platform.claude.com/docs/en/api/migration-2026-10-21 */
function refuseRemoved(body: JsonObject, { version }: AnthropicTerms): Refusal | undefined {
  if (version < "2026-10-21") return undefined;
  for (const name of ["temperature", "top_p", "top_k"]) {
    if (body[name] !== undefined) return invalid(`${name}: Extra inputs are not permitted`);
  }
  for (const [index, message] of objects(body["messages"]).entries()) {
    for (const [at, block] of objects(message["content"]).entries()) {
      const place = `messages.${index}.content.${at}`;
      if (message["role"] === "assistant" && block["type"] === "document") {
        return invalid(`${place}: \`document\` blocks can only be in \`user\` messages`);
      }
      const texts = block["type"] === "search_result" ? objects(block["content"]) : [block];
      const cited = texts.some(
        (one) => Array.isArray(one["citations"]) && one["citations"].length > 0,
      );
      if (message["role"] === "user" && cited) {
        return invalid(
          `${place}.text.citations: \`citations\` may not be set in \`user\` messages`,
        );
      }
    }
  }
  return undefined;
}

const sharedRules: readonly Rule[] = [
  refuseWithoutBeta,
  refuseThinking,
  refuseEffort,
  refuseTools,
  refuseFormat,
  refuseSystem,
  refuseCaching,
  (body, model, { seal }) => refuseMessages(body, model, seal),
];

const messagesRules: readonly Rule[] = [
  refuseThread,
  refuseOutputLimit,
  refuseSampling,
  refuseStopSequences,
  ...sharedRules,
];
