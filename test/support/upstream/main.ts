// Runs the doubles by hand: `bun test/support/upstream/main.ts --openai 9001 --anthropic 9000 --key k`.
import { Command } from "commander";
import { startAnthropicUpstream } from "./anthropic.ts";
import { startOpenAiUpstream } from "./openai.ts";
import type { Recorded, UpstreamOptions } from "./upstream.ts";

interface Settings {
  openai?: string;
  anthropic?: string;
  host: string;
  key: string;
  model: string[];
}

const collect = (value: string, before: string[]): string[] => [...before, value];

const program = new Command("upstream")
  .description(
    "Strict doubles of the OpenAI and the Anthropic API. Every request is judged by the vendor's rules; one line tells the verdict.",
  )
  .option("--openai <port>", "serve the OpenAI API on this port")
  .option("--anthropic <port>", "serve the Anthropic API on this port")
  .option("--host <address>", "address to bind", "127.0.0.1")
  .option("--key <key>", "the only key that is accepted", "k")
  .option("--model <name>", "a further model name to accept (repeatable)", collect, [])
  .parse();

const settings = program.opts<Settings>();
if (settings.openai === undefined && settings.anthropic === undefined)
  program.help({ error: true });

const optionsFor = (label: string, port: string): UpstreamOptions => ({
  port: Number(port),
  hostname: settings.host,
  key: settings.key,
  models: settings.model,
  onRequest: (request) => print(label, request),
});

const upstreams = await Promise.all([
  ...(settings.openai === undefined
    ? []
    : [startOpenAiUpstream(optionsFor("openai", settings.openai))]),
  ...(settings.anthropic === undefined
    ? []
    : [startAnthropicUpstream(optionsFor("anthropic", settings.anthropic))]),
]);
for (const upstream of upstreams)
  process.stdout.write(`listening ${upstream.baseUrl} key ${upstream.key}\n`);

function print(label: string, request: Recorded): void {
  const verdict =
    request.refusal === undefined
      ? "accepted"
      : `refused ${request.refusal.status} ${request.refusal.message.slice(0, 200)}`;
  process.stdout.write(
    `${label} ${request.method} ${request.path} ${request.body.length} bytes: ${verdict}\n`,
  );
}
