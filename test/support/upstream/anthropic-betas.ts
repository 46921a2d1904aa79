// Fields of Anthropic requests that are known only under a beta.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import type { ClaudeModel } from "./anthropic-models.ts";
import type { AnthropicTerms } from "./anthropic-terms.ts";
import { invalid } from "./anthropic-wording.ts";
import { objects } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** Fields that need one of these betas. A field without its beta is one nobody knows. */
const betaFields: readonly (readonly [
  path: string,
  find: (body: JsonObject) => boolean,
  betas: readonly string[],
])[] = [
  [
    "context_management",
    (body) => body["context_management"] !== undefined,
    ["context-management-2025-06-27", "compact-2026-01-12", "compact-2026-09-04"],
  ],
  [
    "mcp_servers",
    (body) => body["mcp_servers"] !== undefined,
    ["mcp-client-2025-04-04", "mcp-client-2025-11-20"],
  ],
  [
    "output_format",
    (body) => body["output_format"] !== undefined,
    ["structured-outputs-2025-11-13"],
  ],
  ["safeguards", (body) => body["safeguards"] !== undefined, ["dangerous-tool-use-2026-09-03"]],
  ["thread", (body) => body["thread"] !== undefined, ["message-threads-2026-08-12"]],
  [
    "output_config.task_budget",
    (body) => isObject(body["output_config"]) && body["output_config"]["task_budget"] !== undefined,
    ["task-budgets-2026-03-13"],
  ],
  [
    "thinking.adaptive.display",
    (body) => isObject(body["thinking"]) && body["thinking"]["display"] === "updates",
    ["thinking-display-updates-2026-08-18"],
  ],
  [
    "thinking.block_binding",
    (body) => isObject(body["thinking"]) && body["thinking"]["block_binding"] !== undefined,
    ["thinking-binding-controls-2026-08-01"],
  ],
  [
    "messages.output_config",
    (body) => inMessages(body, (message) => message["output_config"] !== undefined),
    ["mid-conversation-output-config-2026-07-01", "per-turn-control-2026-07-01"],
  ],
  [
    "messages.clear_at",
    (body) => inMessages(body, (message) => message["clear_at"] !== undefined),
    ["mid-conversation-system-clear-at-2026-08-21"],
  ],
  [
    "messages.content.tool_addition",
    (body) => inBlocks(body, ["tool_addition", "tool_removal"]),
    ["mid-conversation-tool-changes-2026-07-01", "inline-tools-2026-09-15"],
  ],
  [
    "messages.content.compaction",
    (body) => inBlocks(body, ["compaction"]),
    ["compact-2026-01-12", "compact-2026-09-04"],
  ],
  [
    "messages.content.mcp_tool_use",
    (body) => inBlocks(body, ["mcp_tool_use", "mcp_tool_result"]),
    ["mcp-client-2025-04-04", "mcp-client-2025-11-20"],
  ],
  [
    "tools.computer",
    (body) => objects(body["tools"]).some((tool) => /^computer_202[45]/.test(String(tool["type"]))),
    ["computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24"],
  ],
  [
    "tools.advisor",
    (body) => objects(body["tools"]).some((tool) => tool["type"] === "advisor_20260301"),
    ["advisor-tool-2026-03-01"],
  ],
];

const inMessages = (body: JsonObject, test: (message: JsonObject) => boolean): boolean =>
  objects(body["messages"]).some(test);

const inBlocks = (body: JsonObject, types: readonly string[]): boolean =>
  inMessages(body, (message) =>
    objects(message["content"]).some((block) => types.includes(String(block["type"]))),
  );

export function refuseWithoutBeta(
  body: JsonObject,
  _model: ClaudeModel,
  { betas }: AnthropicTerms,
): Refusal | undefined {
  if (betas === "any") return undefined;
  for (const [path, find, names] of betaFields) {
    if (find(body) && !names.some((name) => betas.has(name))) {
      return invalid(`${path}: Extra inputs are not permitted`);
    }
  }
  return undefined;
}

/** The double keeps no conversations, and says so as the vendor does where threads cannot be had. */
export function refuseThread(body: JsonObject): Refusal | undefined {
  if (body["thread"] === undefined) return undefined;
  return {
    ...invalid("thread: this request cannot use a message thread"),
    details: { error_code: "thread_unsupported_request", unsupported: ["thread"] },
  };
}
