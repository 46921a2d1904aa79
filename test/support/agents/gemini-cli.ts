// Google's Gemini CLI, headless, with this gateway in place of Google's API.
import { isObject } from "../../../src/lib/json.ts";
import { type Agent, programOf } from "./agent.ts";

export const geminiCli: Agent = {
  name: "Gemini CLI",
  variable: "GEMINI_CLI_BIN",
  program: programOf("GEMINI_CLI_BIN", "gemini"),
  launch: ({ url, key, model, prompt, args = [] }) => ({
    args: ["-p", prompt, "-m", model, "--approval-mode", "yolo", "-o", "json", ...args],
    env: {
      GEMINI_API_KEY: key,
      GOOGLE_GEMINI_BASE_URL: url,
      GEMINI_CLI_TRUST_WORKSPACE: "true",
    },
    home: { ".gemini/settings.json": JSON.stringify(settings) },
  }),
  read(stdout, stderr) {
    // Its report follows its notes, on either of the two.
    const report = reportIn(stdout) ?? reportIn(stderr);
    const error = isObject(report?.["error"]) ? report["error"] : undefined;
    const text = error?.["message"] ?? report?.["response"];
    return {
      text: typeof text === "string" ? text : "",
      isError: report === undefined || error !== undefined,
    };
  },
  shell: (command) => ({ name: "run_shell_command", args: { command, description: "Says it" } }),
  look: (file) => ({ name: "read_file", args: { file_path: file } }),
  troubles: ["Gemini", "OpenAI Responses"],
};

const settings = {
  security: { auth: { selectedType: "gemini-api-key" } },
  privacy: { usageStatisticsEnabled: false },
  general: { disableAutoUpdate: true },
};

function reportIn(text: string): Record<string, unknown> | undefined {
  const start = text.search(/^\{$/m);
  if (start < 0) return undefined;
  try {
    const value: unknown = JSON.parse(text.slice(start));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
