// Which provider has a model that a client names without one.
import { undated } from "../catalog/facts.ts";
import type { ResolvedProvider } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";

/** A provider's models; empty when nobody knows. */
export type ModelsOf = (provider: ResolvedProvider, ask?: boolean) => Promise<readonly string[]>;

/** @example isSnapshot("gpt-4o-2024-08-06", "gpt-4o") // → true */
const isSnapshot = (name: string, model: string): boolean => {
  const family = undated(name);
  return family !== name && family === undated(model);
};

/**
 * The one provider that has a model of this name, dated or not.
 * @param options.settled another route takes the name if nobody is known to have it, so nobody is asked and nothing is in doubt
 * @throws GatewayError `model_not_found` where several have it
 */
export async function ownerOf(
  name: string,
  providers: readonly ResolvedProvider[],
  { modelsOf, settled }: { modelsOf: ModelsOf; settled: boolean },
): Promise<ResolvedProvider | undefined> {
  for (const ask of settled ? [false] : [false, true]) {
    const owners: ResolvedProvider[] = [];
    const relatives: ResolvedProvider[] = [];
    const lists = await Promise.all(providers.map((provider) => modelsOf(provider, ask)));
    for (const [at, provider] of providers.entries()) {
      const models = lists[at] ?? [];
      if (models.includes(name)) owners.push(provider);
      // Catalogues leave out most dated names of a model, and agents send those. A list that the operator wrote is final.
      else if (!provider.models && models.some((model) => isSnapshot(name, model))) {
        relatives.push(provider);
      }
    }
    if (owners.length === 0) owners.push(...relatives);
    if (owners.length === 1) return owners[0];
    if (owners.length === 0) continue;
    if (settled) return undefined;
    const choices = owners.map((owner) => `\`${owner.name}/${name}\``).join(", ");
    throw new GatewayError(
      "model_not_found",
      `Several providers have the model \`${name}\`. Say which one: ${choices}.`,
      { param: "model" },
    );
  }
  return undefined;
}
