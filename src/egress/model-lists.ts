// A configured provider's own list of models, asked for through the egress.
import type { ResolvedProvider } from "../config/config.ts";
import type { Egress } from "../egress.ts";
import type { LiveModel } from "../providers/model-list.ts";
import {
  type FetchModels,
  type ModelSource,
  readFirstPage,
  readModels,
} from "../providers/models.ts";
import { createTokenFetch } from "./token-fetch.ts";

/** No list is larger, and no list takes longer. */
const maxBytes = 32 * 1024 * 1024;
const totalMs = 30_000;

interface Asking {
  env: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
  timeoutMs: number;
}

/**
 * Asks for the beginning of the list, to find out whether the provider is there and takes its first key.
 * @throws GatewayError as {@link readModelList}
 */
export async function askForModels(
  provider: ResolvedProvider,
  egress: Egress,
  { env, signal, timeoutMs }: Asking,
): Promise<void> {
  await readFirstPage(
    sourceOf(provider, egress, env),
    fetchBy(egress, provider, timeoutMs),
    signal,
  );
}

/** @throws GatewayError `not_found` when the provider has no list, `upstream_*` when it does not give it */
export async function readModelList(
  provider: ResolvedProvider,
  egress: Egress,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LiveModel[]> {
  const signal = AbortSignal.timeout(totalMs);
  return readModels(sourceOf(provider, egress, env), fetchBy(egress, provider), signal);
}

function sourceOf(
  provider: ResolvedProvider,
  egress: Egress,
  env: Readonly<Record<string, string | undefined>>,
): ModelSource {
  const { customBaseUrl, headers, keys, preset, secrets, settings, proxy } = provider;
  const [key] = keys;
  return {
    preset,
    headers,
    ...(customBaseUrl && provider.baseUrl !== undefined && { baseUrl: provider.baseUrl }),
    credentials: {
      ...(key && { apiKey: key.secret }),
      settings,
      secrets,
      env,
      fetch: createTokenFetch(egress, proxy),
    },
  };
}

const fetchBy =
  (
    egress: Egress,
    { customBaseUrl, preset, proxy }: ResolvedProvider,
    longestMs = totalMs,
  ): FetchModels =>
  async ({ url, headers }, signal) => {
    const answer = await egress.send({
      url,
      method: "GET",
      headers,
      signal,
      timeouts: { connectMs: 5_000, firstByteMs: 20_000, idleMs: 10_000, totalMs: longestMs },
      network: customBaseUrl || preset.local ? "private-allowed" : "public",
      proxy,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text(maxBytes) };
  };
