// Claude Code as it is set up for the clouds that serve Claude: other paths, other envelopes, the same wire inside.
import { claudeCode } from "../claude-code.ts";
import type { Agent, Task } from "./agent.ts";

const quiet = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_AUTOUPDATER: "1",
  DISABLE_TELEMETRY: "1",
  DISABLE_ERROR_REPORTING: "1",
};

const throughCloud = (
  name: string,
  trouble: string,
  env: (task: Task) => Record<string, string>,
): Agent => ({
  name,
  variable: "CLAUDE_CODE_BIN",
  program: claudeCode,
  launch: (task) => ({
    args: [
      "-p",
      task.prompt,
      "--model",
      task.model,
      "--output-format",
      "json",
      "--allowedTools",
      "Bash",
      ...(task.args ?? []),
    ],
    env: { ...quiet, ...env(task) },
  }),
  read(stdout) {
    if (stdout.trim() === "") return { text: "", isError: true };
    const said = JSON.parse(stdout) as { result?: string; is_error: boolean };
    return { text: said.result ?? "", isError: said.is_error };
  },
  shell: (command) => ({ name: "Bash", args: { command, description: "Says it" } }),
  look: (file) => ({ name: "Read", args: { file_path: file } }),
  troubles: [trouble],
});

/** Bearer keys are what gateways are given; signing of one's own is switched off where there are none. */
export const claudeOnBedrock = throughCloud(
  "Claude Code, Bedrock",
  "Anthropic",
  ({ url, key }) => ({
    CLAUDE_CODE_USE_BEDROCK: "1",
    ANTHROPIC_BEDROCK_BASE_URL: url,
    AWS_REGION: "us-east-1",
    AWS_BEARER_TOKEN_BEDROCK: key,
  }),
);

export const claudeOnVertex = throughCloud("Claude Code, Vertex", "Gemini", ({ url, key }) => ({
  CLAUDE_CODE_USE_VERTEX: "1",
  ANTHROPIC_VERTEX_BASE_URL: `${url}/v1`,
  CLAUDE_CODE_SKIP_VERTEX_AUTH: "1",
  ANTHROPIC_VERTEX_PROJECT_ID: "project",
  CLOUD_ML_REGION: "us-east5",
  ANTHROPIC_CUSTOM_HEADERS: `Authorization: Bearer ${key}`,
}));
