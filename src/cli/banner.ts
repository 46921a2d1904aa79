// What a person sees when the gateway starts: what is served, where, and two lines to try it.
import type { Config } from "../config/config.ts";
import { bold, dim } from "../lib/color.ts";
import { version } from "../version.ts";
import { reachable } from "./daemon-client.ts";
import { harmless } from "./output.ts";

export interface BannerFacts {
  config: Config;
  path: string | null;
  urls: readonly string[];
  hint: string | null;
}

/** More names than these say nothing more; `megallm status` has them all. */
const maxNames = 12;

export function banner({ config, path, urls, hint }: BannerFacts): string {
  const facts: [string, string][] = [
    ["listening", urls.join("  ")],
    ["speaks", "OpenAI, Anthropic, Gemini, Ollama, Bedrock, Vertex, Cohere"],
    ["providers", enumerate(config.providers.map(({ name }) => name)) || "none"],
  ];
  if (config.discover.local) {
    facts.push(["", "and local servers (Ollama, LM Studio, vLLM …) as they come"]);
  }
  if (config.providers.every(({ preset }) => preset.serve)) {
    facts.push(["", "for more set OPENAI_API_KEY or the like, or run `megallm init`"]);
  }
  if (config.routes.size > 0) facts.push(["routes", enumerate([...config.routes.keys()])]);
  facts.push(
    ["config", path ?? "none (built-in defaults)"],
    ...(config.store === null
      ? [["data", `${config.dataDir} (ledger, admin key)`] satisfies [string, string]]
      : ([
          ["data", `${config.dataDir} (admin key)`],
          ["ledger", `PostgreSQL at ${config.store.place}`],
        ] satisfies [string, string][])),
  );
  if (hint) facts.push(["note", hint]);
  const lines = facts.map(([title, text]) => `  ${dim(title.padEnd(10))} ${harmless(text)}`);
  return `
${bold(`MegaLLM ${version}`)}
${lines.join("\n")}

  ${dim("try")}        ${curlLine(config, urls)}
  ${dim("SDK")}        ${exportLine(config, urls)}

`;
}

const enumerate = (names: readonly string[]): string =>
  names.length <= maxNames
    ? names.join(", ")
    : `${names.slice(0, maxNames).join(", ")} and ${names.length - maxNames} more`;

const base = (urls: readonly string[]): string => reachable(urls[0] ?? "");

/** What a client must present in place of its provider's key. */
const keyOf = (config: Config): string => (config.server.requireKey ? "YOUR_KEY" : "any");

function curlLine(config: Config, urls: readonly string[]): string {
  const url = `${base(urls)}/v1/chat/completions`;
  const key = config.server.requireKey ? ` -H 'authorization: Bearer ${keyOf(config)}'` : "";
  const body = { model: modelToTry(config), messages: [{ role: "user", content: "hello" }] };
  // Some shells take the brackets of an IPv6 address for a pattern.
  return `curl ${url.includes("[") ? `'${url}'` : url}${key} -H 'content-type: application/json' -d '${shellText(JSON.stringify(body))}'`;
}

function exportLine(config: Config, urls: readonly string[]): string {
  const key = keyOf(config);
  return `export OPENAI_BASE_URL=${base(urls)}/v1 OPENAI_API_KEY=${key} ANTHROPIC_BASE_URL=${base(urls)} ANTHROPIC_API_KEY=${key}`;
}

/** One that answers: offline where there is a provider for that, else the operator's first route. */
function modelToTry({ providers, routes }: Config): string {
  const offline = providers.find(({ preset }) => preset.serve);
  if (offline) return `${offline.name}/echo`;
  const [route] = routes.keys();
  return route ?? `${providers[0]?.name ?? "PROVIDER"}/MODEL`;
}

/** For between single quotes. */
const shellText = (text: string): string => harmless(text).replaceAll("'", `'\\''`);
