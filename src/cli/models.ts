// `megallm models`: what a client can ask for, and what is known of it.
import { listCatalog, modelFacts } from "../catalog/facts.ts";
import { pricePerMillion } from "../catalog/prices.ts";
import { formatNanos } from "../lib/money.ts";
import { createRouter } from "../routing/router.ts";
import { loadSettings } from "./settings.ts";
import { groupDigits, renderTable } from "./table.ts";

export interface ModelsOptions {
  config?: string;
  provider?: string;
  json?: boolean;
}

export async function models(options: ModelsOptions): Promise<void> {
  const { config } = loadSettings(options.config).loaded;
  const providers = new Map(config.providers.map((provider) => [provider.name, provider]));
  const router = createRouter(config, async (provider) => listCatalog(provider.preset.id));
  const listed = (await router.list()).filter(
    (model) => options.provider === undefined || model.owner === options.provider,
  );
  const rows = await Promise.all(
    listed.map(async ({ id, owner }) => {
      const provider = providers.get(owner);
      if (!provider) return { id, owner, contextWindow: null, maxOutputTokens: null, price: null };
      const clientName = id.slice(owner.length + 1);
      const name = provider.models?.get(clientName) ?? clientName;
      const facts = await modelFacts(provider.preset.id, name);
      const price = await pricePerMillion(provider.preset.id, name, provider.prices);
      return {
        id,
        owner,
        contextWindow: facts.contextWindow ?? null,
        maxOutputTokens: facts.maxOutputTokens ?? null,
        price: price && {
          inputUsd: formatNanos(price.input),
          outputUsd: formatNanos(price.output),
          source: price.source,
        },
      };
    }),
  );
  if (options.json) {
    console.log(JSON.stringify(rows, null, 2));
    return;
  }
  if (rows.length === 0) {
    console.log("No models are known. Any `provider/model` can be asked for all the same.");
    return;
  }
  console.log(
    renderTable(
      [
        { title: "model" },
        { title: "context", align: "right" },
        { title: "max output", align: "right" },
        { title: "USD/M input", align: "right" },
        { title: "USD/M output", align: "right" },
      ],
      rows.map((row) => [
        row.id,
        row.contextWindow === null ? "" : groupDigits(row.contextWindow),
        row.maxOutputTokens === null ? "" : groupDigits(row.maxOutputTokens),
        row.price ? trimZeros(row.price.inputUsd) : "",
        row.price ? trimZeros(row.price.outputUsd) : "",
      ]),
    ),
  );
}

const trimZeros = (text: string): string => text.replace(/(\.\d\d\d*?)0+$/, "$1");
