// LiteLLM's `/utils/token_counter` and `/spend/calculate`: how many tokens something has, and what it would cost.
import { z } from "zod";
import { reachOf } from "../../access/reach.ts";
import { estimateRequestTokens, estimateTokens } from "../../catalog/estimate.ts";
import { priceUsage } from "../../catalog/prices.ts";
import { dialects } from "../../dialects/index.ts";
import { GatewayError } from "../../ir/error.ts";
import { createUsage } from "../../ir/usage.ts";
import { now } from "../../lib/clock.ts";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { type Candidate, modelId } from "../../routing/candidate.ts";
import { parse } from "../admin-v1/resource.ts";
import { usd } from "./dollars.ts";
import type { OpenRoute, OpenScene } from "./route.ts";

const asked = z.object({
  model: z.string().min(1).max(200),
  messages: z.array(z.unknown()).nullish(),
  prompt: z.string().nullish(),
  tools: z.array(z.unknown()).nullish(),
});

const calculation = z.object({
  model: z.string().max(200).nullish(),
  messages: z.array(z.unknown()).nullish(),
  completion_response: z.record(z.string(), z.unknown()).nullish(),
});

/** Who would be asked first; nobody's turn passes. @throws GatewayError `model_not_found`, `forbidden` */
async function firstOf(
  { services, principal }: OpenScene,
  model: string,
): Promise<Candidate | undefined> {
  const reach = principal ? reachOf(principal) : {};
  const [first] = await services.current().router.rehearsal().candidates(model, reach);
  return first;
}

/** Input tokens of a chat, as the gateway estimates them. @throws GatewayError `invalid_request` */
async function countChat(json: JsonObject): Promise<number> {
  const { value } = dialects["openai-chat"].request.decode({ json, text: JSON.stringify(json) });
  return estimateRequestTokens(value);
}

async function count(scene: OpenScene): Promise<unknown> {
  const { model, messages, prompt, tools } = parse(asked, scene.body);
  const first = await firstOf(scene, model);
  if (!messages && typeof prompt !== "string") {
    throw new GatewayError("invalid_request", "Give `messages` or `prompt`.", {
      param: "messages",
    });
  }
  return {
    total_tokens: messages
      ? await countChat({ model, messages, ...(tools?.length && { tools }) })
      : await estimateTokens(prompt ?? ""),
    request_model: model,
    model_used: first?.model ?? model,
    tokenizer_type: "openai_tokenizer",
  };
}

/** What a request would cost, or an answer did. @throws GatewayError */
async function calculate(scene: OpenScene): Promise<unknown> {
  const { model, messages, completion_response: response } = parse(calculation, scene.body);
  const answered = response?.["model"];
  const name = model ?? (typeof answered === "string" ? answered : null);
  if (!name || (!messages && !response)) {
    const message =
      "Give `model` and `messages`, or a `completion_response` with its model and usage.";
    throw new GatewayError("invalid_request", message);
  }
  const told = isObject(response?.["usage"]) ? response["usage"] : {};
  const tokens = (field: string): number => {
    const value = told[field];
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
  };
  const input = messages ? await countChat({ model: name, messages }) : tokens("prompt_tokens");
  const first = await firstOf(scene, name);
  const price =
    first &&
    (await priceUsage({
      provider: first.provider.preset.id,
      model: first.model,
      usage: createUsage({ total: input }, { total: tokens("completion_tokens") }),
      atMs: now(),
      overrides: [...first.provider.prices, ...scene.services.current().config.prices],
    }));
  if (!price) {
    const what = first ? modelId(first) : name;
    throw new GatewayError(
      "invalid_request",
      `Nobody knows the price of \`${what.slice(0, 200)}\`.`,
      {
        param: "model",
      },
    );
  }
  return { cost: usd(price.nanos) };
}

export const tokenRoutes: readonly OpenRoute[] = [
  { method: "POST", path: "/utils/token_counter", handle: count },
  { method: "POST", path: "/spend/calculate", handle: calculate },
];
