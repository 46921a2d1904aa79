// `megallm models`: what a client can ask for, and what is known of it.
import { listCatalog } from "../catalog/facts.ts";
import type { Config, ResolvedProvider } from "../config/config.ts";
import { createEgress } from "../egress.ts";
import { probeBy } from "../egress/local-probe.ts";
import { asksLocalServers, compose } from "../pipeline/generation.ts";
import { dim } from "../lib/color.ts";
import { formatNanos } from "../lib/money.ts";
import { nearest } from "../lib/suggest.ts";
import { discoverLocal } from "../providers/discover.ts";
import { findProvider, providers as presets } from "../providers/index.ts";
import { describeModel, type FactSource } from "../providers/model-facts.ts";
import type { ListedModel } from "../routing/listing.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { askProviders, type LiveAnswer } from "./live-models.ts";
import { harmless, print, printJson, tell } from "./output.ts";
import { loadSettings } from "./settings.ts";
import { renderTable, shortCount } from "./table.ts";

export interface ModelsOptions {
  config?: string;
  provider?: string;
  /** Asks the providers now. */
  live?: boolean;
  /** Also the catalogue's models of providers that are not configured. */
  all?: boolean;
  json?: boolean;
}

/** @throws ExitError `failed` for a provider that is not there */
export async function models(options: ModelsOptions): Promise<void> {
  const { config: written } = loadSettings(options.config).loaded;
  const found = asksLocalServers(written)
    ? await discoverLocal({ fetch: probeBy(createEgress({ env: {} })) })
    : [];
  const { config, router } = compose(written, found, { lists: null, callers: null });
  requireProvider(options, config);
  const answers = options.live ? await ask(config, options) : new Map<string, LiveAnswer>();
  const listed = merge(await router.list(), config, answers);
  if (options.all) listed.push(...(await others(config)));
  const wanted = listed.filter(
    ({ owner }) => options.provider === undefined || owner === options.provider,
  );
  const rows = await Promise.all(wanted.map((model) => describe(model, config, answers)));
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
  await print(`${table(rows)}\n\n${dim(legend)}`);
}

function requireProvider({ all, provider: name }: ModelsOptions, { providers }: Config): void {
  const names = [
    ...providers.map((provider) => provider.name),
    ...(all ? presets.map((preset) => preset.id) : []),
  ];
  if (name === undefined || names.includes(name)) return;
  const [near] = nearest(name, names, 1);
  const here = `Providers here: ${providers.map((provider) => provider.name).join(", ")}.`;
  const hint = near === undefined ? here : `Did you mean \`${near}\`?`;
  const known = findProvider(name) ? " It is not configured; `--all` shows the catalogue's." : "";
  throw new ExitError(
    exitCodes.failed,
    `No provider is named \`${name}\`. ${known === "" ? hint : known.trim()}`,
  );
}

/** Asks those that are wanted, and says who did not answer. */
async function ask(
  { providers }: Config,
  { provider: name }: ModelsOptions,
): Promise<ReadonlyMap<string, LiveAnswer>> {
  const asked = providers.filter(
    (provider) => !provider.preset.serve && (name === undefined || provider.name === name),
  );
  const answers = await askProviders(asked, createEgress());
  for (const [provider, { problem }] of answers) {
    if (problem !== null) tell(harmless(`${provider}: ${problem} Its models are the catalogue's.`));
  }
  return answers;
}

/** Where a provider gave its list, that list stands for what was known; an operator's own list stays. */
function merge(
  listed: readonly ListedModel[],
  { providers, routes }: Config,
  answers: ReadonlyMap<string, LiveAnswer>,
): ListedModel[] {
  const names = new Set(providers.map((provider) => provider.name));
  const merged = listed.filter(({ owner }) => !names.has(owner));
  for (const { models: own, name: owner } of providers) {
    const live = own === null ? answers.get(owner)?.models : null;
    const shown = live
      ? live.map((model) => ({ id: `${owner}/${model.id}`, owner }))
      : listed.filter((model) => model.owner === owner);
    merged.push(...shown.filter(({ id }) => !routes.has(id)));
  }
  return merged;
}

/** The catalogue's models of providers that are not configured. */
async function others({ providers }: Config): Promise<ListedModel[]> {
  const configured = new Set(providers.map((provider) => provider.name));
  const lists = await Promise.all(
    presets
      .filter((preset) => !configured.has(preset.id))
      .map(async ({ id: owner }) =>
        (await listCatalog(owner)).map((model) => ({ id: `${owner}/${model}`, owner })),
      ),
  );
  return lists.flat();
}

interface Row {
  id: string;
  owner: string;
  /** Tokens; null where nobody knows. */
  contextWindow: number | null;
  maxOutputTokens: number | null;
  /** Null where nobody knows. */
  capabilities: Record<Ability, boolean | null>;
  /** Dollars per million tokens. */
  price: { inputUsd: string; outputUsd: string; source: string } | null;
  /** From where each fact is, by its name; a fact that nobody knows is not named. */
  sources: Partial<Record<Ability | "contextWindow" | "maxOutputTokens" | "price", FactSource>>;
}

const abilities = ["tools", "vision", "reasoning", "json"] as const;
type Ability = (typeof abilities)[number];

async function describe(
  { id, owner }: ListedModel,
  config: Config,
  answers: ReadonlyMap<string, LiveAnswer>,
): Promise<Row> {
  const provider: ResolvedProvider | undefined = config.providers.find(
    ({ name }) => name === owner,
  );
  const preset = provider?.preset ?? findProvider(owner);
  const clientName = id.slice(owner.length + 1);
  const model = provider?.models?.get(clientName) ?? clientName;
  const facts = preset
    ? await describeModel({
        provider: preset.id,
        model,
        live: answers.get(owner)?.models?.find((each) => each.id === model),
        overrides: [...(provider?.prices ?? []), ...config.prices],
      })
    : {};
  const { contextWindow, maxOutputTokens, price } = facts;
  const known = { contextWindow, maxOutputTokens, ...pick(facts), price };
  return {
    id,
    owner,
    contextWindow: contextWindow?.value ?? null,
    maxOutputTokens: maxOutputTokens?.value ?? null,
    capabilities: {
      tools: facts.tools?.value ?? null,
      vision: facts.vision?.value ?? null,
      reasoning: facts.reasoning?.value ?? null,
      json: facts.json?.value ?? null,
    },
    price: price
      ? {
          inputUsd: formatNanos(price.value.input),
          outputUsd: formatNanos(price.value.output),
          source: price.value.detail,
        }
      : null,
    sources: Object.fromEntries(
      Object.entries(known).flatMap(([name, fact]) => (fact ? [[name, fact.source]] : [])),
    ),
  };
}

const pick = <T extends object>({
  tools,
  vision,
  reasoning,
  json,
}: Partial<Record<Ability, T>>) => ({
  tools,
  vision,
  reasoning,
  json,
});

const legend = "can: t tools, v vision, r reasoning, j json · prices in USD per million tokens";

const table = (rows: readonly Row[]): string =>
  renderTable(
    [
      { title: "model" },
      { title: "context", align: "right" },
      { title: "output", align: "right" },
      { title: "can" },
      { title: "$/M in", align: "right" },
      { title: "$/M out", align: "right" },
    ],
    rows.map((row) => [
      row.id,
      row.contextWindow === null ? "" : shortCount(row.contextWindow),
      row.maxOutputTokens === null ? "" : shortCount(row.maxOutputTokens),
      abilities
        .filter((ability) => row.capabilities[ability])
        .map((ability) => ability.slice(0, 1))
        .join(""),
      row.price ? trimZeros(row.price.inputUsd) : "",
      row.price ? trimZeros(row.price.outputUsd) : "",
    ]),
  );

/** `2.500000000` → `2.50`. */
const trimZeros = (text: string): string => text.replace(/(\.\d\d\d*?)0+$/, "$1");
