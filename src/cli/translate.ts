// `megallm translate`: what a request would become for a provider, and what it would lose; nothing is sent.
import { createEgress } from "../egress.ts";
import { probeBy } from "../egress/local-probe.ts";
import { asksLocalServers, compose } from "../pipeline/generation.ts";
import { GatewayError } from "../ir/error.ts";
import type { Warning } from "../ir/warning.ts";
import { bold, dim } from "../lib/color.ts";
import { stringify } from "../lib/json.ts";
import { indentJson } from "../lib/json-indent.ts";
import {
  candidatesFor,
  readDialect,
  readSpecimen,
  translate,
  type Translation,
} from "../pipeline/translate.ts";
import { discoverLocal } from "../providers/discover.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { readInput } from "./input.ts";
import { harmless, print, tell } from "./output.ts";
import { loadSettings } from "./settings.ts";

export interface TranslateOptions {
  config?: string;
  to?: string;
  from?: string;
  model?: string;
  stream?: boolean;
  json?: boolean;
}

/** @throws ExitError `usage` for an unknown dialect, `failed` for a request that cannot be translated */
export async function translateFile(file: string, options: TranslateOptions): Promise<void> {
  const to = options.to === undefined ? null : named(options.to, "--to");
  const from = options.from === undefined ? null : named(options.from, "--from");
  const { config: written } = loadSettings(options.config).loaded;
  const specimen = readSpecimen({
    body: await readInput(file),
    headers: new Headers(),
    from,
    model: options.model ?? null,
    stream: options.stream ?? null,
  });
  const found = asksLocalServers(written)
    ? await discoverLocal({ fetch: probeBy(createEgress({ env: {} })) })
    : [];
  const { router } = compose(written, found, { lists: null, callers: null });
  const candidates = await candidatesFor(specimen.inbound.model, router, to);
  const translation = await translate(specimen, candidates, to);
  if (options.json) {
    await print(indentJson(stringify(translation)));
    return;
  }
  for (const note of notes(translation)) tell(harmless(note));
  await print(render(translation));
}

function named(text: string, flag: string) {
  try {
    return readDialect(text);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    throw new ExitError(exitCodes.usage, `${flag}: ${error.message}`);
  }
}

/** What was assumed. */
function notes({ from, recognised, url, provider, to }: Translation): string[] {
  return [
    ...(recognised === null ? [] : [`Read as ${from}: ${recognised}. Say another with --from.`]),
    ...(url === null
      ? [`No deployment of this model speaks ${to} here: shown as for \`${provider}\`.`]
      : []),
  ];
}

/** Texts that no terminal has room for, such as images. */
const maxText = 1_000;

function render(translation: Translation): string {
  const { method, url, headers, body, relayed, warnings } = translation;
  const { from, to, provider, model } = translation;
  const way = relayed ? `relayed as it is (${to})` : `translated from ${from} to ${to}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [
    harmless(`${way}, for ${provider}/${model}`),
    "",
    bold(harmless(`${method} ${url ?? `(the address of ${provider})`}`)),
    ...lines.map((line) => harmless(line)),
    dim("(the credentials are put on when it is sent)"),
    "",
    harmless(indentJson(body.text, { maxText }), "\n"),
    "",
    renderWarnings(warnings),
  ].join("\n");
}

/** Reasons are sentences: each stands in full, however long. */
function renderWarnings(warnings: readonly Warning[]): string {
  if (warnings.length === 0) return "Nothing is lost.";
  const fields = warnings.map(({ field }) => harmless(field));
  const targets = warnings.map(({ target }) => harmless(target));
  const width = (texts: readonly string[], title: string): number =>
    Math.max(title.length, ...texts.map((text) => Bun.stringWidth(text)));
  const pad = (text: string, to: number): string =>
    text + " ".repeat(Math.max(0, to - Bun.stringWidth(text)));
  const [first, second] = [width(fields, "lost"), width(targets, "for")];
  return [
    bold(`${pad("lost", first)}  ${pad("for", second)}  why`),
    ...warnings.map(
      ({ reason }, at) =>
        `${pad(fields[at] ?? "", first)}  ${pad(targets[at] ?? "", second)}  ${harmless(reason)}`,
    ),
  ].join("\n");
}
