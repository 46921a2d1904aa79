// Embeddings on Vertex AI: texts by `predict`, whatever else by `embedContent`, where Google's own API has batches.
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
import { GatewayError } from "../../ir/error.ts";
import type { EmbedRequest, EmbedResponse } from "../../ir/operations.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { EncodedRequest, OperationCodec, Target } from "../dialect.ts";
import { textOfInput } from "../embed-answer.ts";
import { defined } from "../fields.ts";
import { createLosses, loseRefused, type Losses } from "../losses.ts";
import { embeddings, encodeInput, loseSettings, taskOf } from "./embeddings.ts";
import { noForm, ownExt } from "./wire.ts";

/** `instances` with one text each, `parameters` for all. */
function encodePredict(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const task = taskOf(request, target, losses);
  const parameters = defined({
    outputDimensionality: request.dimensions,
    autoTruncate: truncates(request, losses),
  });
  const body: JsonObject = {
    instances: request.inputs.map((input) => {
      const content = textOfInput(input);
      if (content === undefined) {
        throw new GatewayError(
          "unsupported_feature",
          `\`${target.model}\` of \`${target.provider}\` embeds texts only.`,
          { param: "input" },
        );
      }
      return {
        content,
        ...(task === undefined ? {} : { task_type: task }),
        ...ownExt(request.ext),
      };
    }),
    ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
  };
  return finish(body, request, target, losses);
}

/** One content, and in `embedContentConfig` how it is to be embedded. */
function encodeContent(request: EmbedRequest, target: Target): EncodedRequest {
  const losses = createLosses(target.provider);
  const [input] = request.inputs;
  const config = {
    ...defined({
      taskType: taskOf(request, target, losses),
      outputDimensionality: request.dimensions,
      autoTruncate: truncates(request, losses),
    }),
    ...ownExt(request.ext),
  };
  const body: JsonObject = {
    content: { parts: input ? encodeInput(input, "input[0]", target, losses) : [] },
    ...(Object.keys(config).length > 0 ? { embedContentConfig: config } : {}),
  };
  return finish(body, request, target, losses);
}

/** Texts that are too long are cut at their end, or refused; nowhere else. */
function truncates({ truncate }: EmbedRequest, losses: Losses): boolean | undefined {
  if (truncate === "start") losses.lose("truncate", noForm);
  return truncate === undefined ? undefined : truncate !== "none";
}

function finish(
  body: JsonObject,
  request: EmbedRequest,
  target: Target,
  losses: Losses,
): EncodedRequest {
  // Whether texts are cut is said.
  loseSettings({ ...request, truncate: undefined }, losses);
  loseRefused(body, target, losses);
  return { body: JSON.stringify(body), headers: {}, warnings: losses.warnings() };
}

/** By the form of the endpoint. Most inputs in one request: https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings */
export const vertexEmbeddings: Readonly<
  Record<string, OperationCodec<EmbedRequest, EmbedResponse>>
> = {
  predict: { ...embeddings, encodeRequest: encodePredict, maxInputs: 250 },
  "predict-one": { ...embeddings, encodeRequest: encodePredict, maxInputs: 1 },
  "embed-content": { ...embeddings, encodeRequest: encodeContent, maxInputs: 1 },
};
