// OpenAI's Codex, headless, with this gateway as its provider.
import { isObject } from "../../../src/lib/json.ts";
import { type Agent, programOf, type Task } from "./agent.ts";

export const codex: Agent = {
  name: "Codex",
  variable: "CODEX_BIN",
  program: programOf("CODEX_BIN", "codex"),
  launch: (task) => ({
    args: [
      "exec",
      "--json",
      "--skip-git-repo-check",
      "-m",
      task.model,
      ...(task.args ?? []),
      // What stands before could take any number of values.
      "--",
      task.prompt,
    ],
    env: { GATEWAY_KEY: task.key },
    home: { ".codex/config.toml": settingsOf(task) },
  }),
  read(stdout) {
    const texts: string[] = [];
    const failures: string[] = [];
    for (const line of stdout.split("\n")) {
      const event = asJson(line);
      const item = isObject(event["item"]) ? event["item"] : {};
      if (item["type"] === "agent_message") texts.push(String(item["text"]));
      if (event["type"] === "turn.failed") failures.push(JSON.stringify(event["error"]));
    }
    const isError = failures.length > 0 || texts.length === 0;
    return { text: isError ? failures.join("\n") : (texts.at(-1) ?? ""), isError };
  },
  shell: (command) => ({ name: "exec_command", args: { cmd: command } }),
  look: (file, folder) => ({ name: "view_image", args: { path: `${folder}/${file}` } }),
  troubles: ["OpenAI Responses", "Anthropic"],
};

const settingsOf = ({ url, settings = "" }: Task): string => `
model_provider = "gateway"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[model_providers.gateway]
name = "gateway"
base_url = "${url}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
${settings}
[analytics]
enabled = false
`;

function asJson(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** The patch by which Codex' model adds a file: its tool takes text, not JSON. */
export const patchOf = (file: string, lines: readonly string[]): string =>
  [
    "*** Begin Patch",
    `*** Add File: ${file}`,
    ...lines.map((line) => `+${line}`),
    "*** End Patch\n",
  ].join("\n");
