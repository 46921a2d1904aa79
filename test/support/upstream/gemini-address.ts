// The addresses of Google's API: version, project, model and method.
import type { Surface } from "./gemini-messages.ts";

export interface GeminiAddress {
  surface: Surface;
  version: string;
  /** Vertex AI: `projects/p/locations/l/publishers/google/`. */
  parent: string;
  /** Undefined for the list of models. */
  model?: string;
  /** `generateContent`; undefined for the model itself. */
  method?: string;
}

const pattern =
  /^\/(v1|v1beta|v1beta1|v1alpha)\/((?:projects\/[^/]+\/locations\/[^/]+\/)?publishers\/google\/)?models(?:\/(.+?))?(?::([A-Za-z]+))?$/;

/**
 * Undefined for what is no address of this API. Model names may hold slashes, raw or as `%2F`.
 * @example parseGeminiAddress("/v1beta/models/gemini-2.5-pro:countTokens")?.method // → "countTokens"
 */
export function parseGeminiAddress(path: string): GeminiAddress | undefined {
  const match = pattern.exec(path);
  if (match === null) return undefined;
  const [, version = "", parent = "", model, method] = match;
  const name = model === undefined ? undefined : decoded(model);
  if (model !== undefined && name === undefined) return undefined;
  return {
    surface: parent === "" ? "gemini" : "vertex",
    version,
    parent,
    ...(name === undefined ? {} : { model: name }),
    ...(method === undefined ? {} : { method }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
