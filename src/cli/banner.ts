// What a person sees when the gateway starts: what is served, where, and two lines to try it.
import { bold, dim } from "../lib/color.ts";
import type { Config } from "../config/config.ts";
import { version } from "../version.ts";

export interface BannerFacts {
  config: Config;
  path: string | null;
  urls: readonly string[];
  hint: string | null;
}

export function banner({ config, path, urls, hint }: BannerFacts): string {
  const url = urls[0] ?? "";
  const names = config.providers.map(
    ({ name, preset }) => `${name}${preset.serve ? " (offline, no key needed)" : ""}`,
  );
  if (config.providers.every((provider) => provider.preset.serve)) {
    names.push("no other yet: set a variable such as OPENAI_API_KEY, or run `megallm init`");
  }
  const lines: [string, string][] = [
    ["listening", urls.join("  ")],
    ["speaks", "OpenAI at /v1/chat/completions, Anthropic at /v1/messages"],
    ["providers", names.join(", ")],
  ];
  if (config.discover.local) lines.push(["local", "looking for Ollama, LM Studio, vLLM, llama.cpp …"]);
  if (config.routes.size > 0) lines.push(["routes", [...config.routes.keys()].join(", ")]);
  lines.push(["config", path ?? "none (built-in defaults)"], ["data", config.dataDir]);
  if (hint) lines.push(["note", hint]);
  const key = config.server.requireKey ? " -H 'authorization: Bearer YOUR_KEY'" : "";
  return `
${bold(`MegaLLM ${version}`)}
${lines.map(([title, text]) => `  ${dim(title.padEnd(10))} ${text}`).join("\n")}

  ${dim("try")}        curl ${url}/v1/chat/completions${key} -H 'content-type: application/json' -d '{"model":"demo/echo","messages":[{"role":"user","content":"hello"}]}'
  ${dim("SDK")}        export OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=any ANTHROPIC_BASE_URL=${url} ANTHROPIC_API_KEY=any

`;
}
