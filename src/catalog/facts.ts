// What is known of a model: context window, output limit, modalities, abilities.
import type { ModelFacts } from "../dialects/dialect.ts";

/** Facts with their source; whatever is absent is unknown. */
export interface CatalogFacts extends ModelFacts {
  inputModalities?: readonly string[];
  toolCalls?: boolean;
  structuredOutput?: boolean;
  source: string;
}

export async function modelFacts(_provider: string, _model: string): Promise<CatalogFacts> {
  return { source: "unknown" };
}

export async function listCatalog(_provider: string): Promise<readonly string[]> {
  return [];
}
