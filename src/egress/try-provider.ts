// Asking a provider once, where the configuration says, whether it is there and takes its key.
import type { ResolvedProvider } from "../config/config.ts";
import type { Egress } from "../egress.ts";
import { type ErrorCode, GatewayError } from "../ir/error.ts";
import { monotonic } from "../lib/clock.ts";
import { askForModels } from "./model-lists.ts";

export interface ProviderTrial {
  /** Null: it has no list of models, so nothing was asked. */
  readonly ok: boolean | null;
  readonly ms: number;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}

const timeoutMs = 15_000;

/** Sends one request for the beginning of its list of models, with its first key. */
export async function tryProvider(
  provider: ResolvedProvider,
  egress: Egress,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ProviderTrial> {
  const begunMs = monotonic();
  const took = (): number => Math.round(monotonic() - begunMs);
  if (provider.preset.serve) return { ok: true, ms: took(), error: null };
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    await askForModels(provider, egress, { env, signal, timeoutMs });
    return { ok: true, ms: took(), error: null };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { code, message } = error;
    return { ok: code === "not_found" ? null : false, ms: took(), error: { code, message } };
  }
}
