// Anthropic's Messages as Amazon Bedrock and Google Cloud carry them.
import type { Frame } from "../../lib/frame.ts";
import { createChunkFraming } from "../../lib/eventstream.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../../lib/json.ts";
import { exceptionOfStatus } from "../aws-exception.ts";
import type { DialectRoute } from "../dialect.ts";
import type { Envelope } from "../envelope.ts";
import { field, stringOr } from "../fields.ts";
import { statusOfType } from "./error.ts";

/**
 * `InvokeModel`: model and stream are said by the path, version and betas by the body. One beta that it does not know and
 * the whole request is refused ("invalid beta flag"), so only those that AWS lists are sent.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
 */
export const bedrockInvoke: Envelope = {
  id: "bedrock-invoke",
  omits: ["model", "stream"],
  refuses: [
    { path: ["safeguards"] },
    { path: ["messages", "*", "output_config"] },
    { path: ["thinking", "display"], value: "updates" },
  ],
  adds: { anthropic_version: "bedrock-2023-05-31" },
  headerMembers: { "anthropic-beta": "anthropic_beta" },
  headerValues: {
    "anthropic-beta": [
      "compact-2026-01-12",
      "computer-use-2024-10-22",
      "computer-use-2025-01-24",
      "computer-use-2025-11-24",
      "context-1m-2025-08-07",
      "context-management-2025-06-27",
      "dev-full-thinking-2025-05-14",
      "effort-2025-11-24",
      "fine-grained-tool-streaming-2025-05-14",
      "interleaved-thinking-2025-05-14",
      "output-128k-2025-02-19",
      "token-efficient-tools-2025-02-19",
      "tool-examples-2025-10-29",
      "tool-search-tool-2025-10-19",
    ],
  },
  // The same path takes the bodies of Titan, Llama, Nova and all others in their own forms.
  demands: ["messages", "anthropic_version"],
  errors: "bedrock-converse",
  framing: createChunkFraming(exceptionOf),
};

const vertexBetas = [
  "compact-2026-01-12",
  "computer-use-2024-10-22",
  "computer-use-2025-01-24",
  "computer-use-2025-11-24",
  "context-1m-2025-08-07",
  "context-management-2025-06-27",
  "interleaved-thinking-2025-05-14",
  "tool-search-tool-2025-10-19",
  "web-search-2025-03-05",
];

/**
 * `rawPredict` and `streamRawPredict`: the path says the model, the body the version; `stream` stays in the body and
 * betas in their header.
 * https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
 */
export const vertexRaw: Envelope = {
  id: "vertex-raw",
  omits: ["model"],
  adds: { anthropic_version: "vertex-2023-10-16" },
  headerValues: { "anthropic-beta": vertexBetas },
};

/** `count-tokens:rawPredict` is one path for all models: the body says which. */
export const vertexCount: Envelope = { ...vertexRaw, id: "vertex-count", omits: [] };

const models = "/projects/{project}/locations/{location}/publishers/anthropic/models";

export const envelopedRoutes: readonly DialectRoute[] = [
  {
    method: "POST",
    path: "/model/{model}/invoke",
    operation: "chat",
    stream: false,
    envelope: bedrockInvoke,
  },
  {
    method: "POST",
    path: "/model/{model}/invoke-with-response-stream",
    operation: "chat",
    stream: true,
    envelope: bedrockInvoke,
  },
  // The SDK's base URL ends in the version; some gateways are configured without it.
  ...["/v1", "/v1beta1", ""].flatMap((version): DialectRoute[] => [
    {
      method: "POST",
      path: `${version}${models}/count-tokens:rawPredict`,
      operation: "count-tokens",
      envelope: vertexCount,
    },
    {
      method: "POST",
      path: `${version}${models}/{model}:rawPredict`,
      operation: "chat",
      stream: false,
      envelope: vertexRaw,
    },
    {
      method: "POST",
      path: `${version}${models}/{model}:streamRawPredict`,
      operation: "chat",
      stream: true,
      envelope: vertexRaw,
    },
  ]),
];

/** An error message of the stream as AWS ends one: SDKs older than 2026 do not look for it within a chunk. */
function exceptionOf(frame: Frame): Frame | undefined {
  if (frame.event !== "error" || frame.exception) return undefined;
  const error = field(objectOf(frame.data), "error");
  const said = isObject(error) ? error : {};
  return {
    event: exceptionOfStatus(statusOfType(stringOr(field(said, "type")))),
    data: JSON.stringify({ message: stringOr(field(said, "message")) ?? "" }),
    exception: true,
  };
}

function objectOf(data: string): JsonObject {
  try {
    return parseObject(data);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return {};
  }
}
