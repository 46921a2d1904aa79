// `megallm models`: what a client can ask for, and what is known of it.
import { modelFacts } from "../catalog/facts.ts";
import { pricePerMillion } from "../catalog/prices.ts";
import type { Config } from "../config/config.ts";
import { createEgress } from "../egress.ts";
import { asksLocalServers, compose, probeBy } from "../gateway.ts";
import { formatNanos } from "../lib/money.ts";
import { nearest } from "../lib/suggest.ts";
import { discoverLocal } from "../providers/discover.ts";
import type { ListedModel } from "../routing/router.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { print, printJson } from "./output.ts";
import { loadSettings } from "./settings.ts";
import { renderTable, shortCount } from "./table.ts";

export interface ModelsOptions {
  config?: string;
  provider?: string;
  json?: boolean;
}

/** @throws ExitError `failed` for a provider that is not there */
export async function models(options: ModelsOptions): Promise<void> {
  const { config: written } = loadSettings(options.config).loaded;
  const found = asksLocalServers(written)
    ? await discoverLocal({ fetch: probeBy(createEgress({ env: {} })) })
    : [];
  const { config, router } = compose(written, found);
  requireProvider(options.provider, config);
  const listed = (await router.list()).filter(
    (model) => options.provider === undefined || model.owner === options.provider,
  );
  const rows = await Promise.all(listed.map((model) => describe(model, config)));
  if (options.json) {
    await printJson(rows);
    return;
  }
  if (rows.length === 0) {
    const name = options.provider ?? "provider";
    await print(
      `No models are known by name. Any \`${name}/model\` can be asked for all the same.`,
    );
    return;
  }
  await print(
    renderTable(
      [
        { title: "model" },
        { title: "context", align: "right" },
        { title: "output", align: "right" },
        { title: "$/M in", align: "right" },
        { title: "$/M out", align: "right" },
      ],
      rows.map((row) => [
        row.id,
        row.contextWindow === null ? "" : shortCount(row.contextWindow),
        row.maxOutputTokens === null ? "" : shortCount(row.maxOutputTokens),
        row.price ? trimZeros(row.price.inputUsd) : "",
        row.price ? trimZeros(row.price.outputUsd) : "",
      ]),
    ),
  );
}

function requireProvider(name: string | undefined, { providers }: Config): void {
  const names = providers.map((provider) => provider.name);
  if (name === undefined || names.includes(name)) return;
  const [near] = nearest(name, names, 1);
  const hint =
    near === undefined ? `Providers here: ${names.join(", ")}.` : `Did you mean \`${near}\`?`;
  throw new ExitError(exitCodes.failed, `No provider is named \`${name}\`. ${hint}`);
}

interface Row {
  id: string;
  owner: string;
  /** Tokens; null where nobody knows. */
  contextWindow: number | null;
  maxOutputTokens: number | null;
  /** Dollars per million tokens. */
  price: { inputUsd: string; outputUsd: string; source: string } | null;
}

async function describe({ id, owner }: ListedModel, config: Config): Promise<Row> {
  const provider = config.providers.find(({ name }) => name === owner);
  if (!provider) return { id, owner, contextWindow: null, maxOutputTokens: null, price: null };
  const clientName = id.slice(owner.length + 1);
  const name = provider.models?.get(clientName) ?? clientName;
  const facts = await modelFacts(provider.preset.id, name);
  const price = await pricePerMillion(provider.preset.id, name, [
    ...provider.prices,
    ...config.prices,
  ]);
  return {
    id,
    owner,
    contextWindow: facts.contextWindow ?? null,
    maxOutputTokens: facts.maxOutputTokens ?? null,
    price: price
      ? {
          inputUsd: formatNanos(price.input),
          outputUsd: formatNanos(price.output),
          source: price.source,
        }
      : null,
  };
}

/** `2.500000000` → `2.50`. */
const trimZeros = (text: string): string => text.replace(/(\.\d\d\d*?)0+$/, "$1");
