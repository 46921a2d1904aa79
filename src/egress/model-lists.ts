// A configured provider's own list of models, asked for through the egress.
import type { ResolvedProvider } from "../config/config.ts";
import type { Egress } from "../egress.ts";
import type { LiveModel } from "../providers/model-list.ts";
import { type FetchModels, readModels } from "../providers/models.ts";
import { createTokenFetch } from "./token-fetch.ts";

/** No list is larger, and no list takes longer. */
const maxBytes = 32 * 1024 * 1024;
const totalMs = 30_000;

/** @throws GatewayError `not_found` when the provider has no list, `upstream_*` when it does not give it */
export async function readModelList(
  provider: ResolvedProvider,
  egress: Egress,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LiveModel[]> {
  const signal = AbortSignal.timeout(totalMs);
  const { customBaseUrl, headers, keys, preset, secrets, settings, proxy } = provider;
  const [key] = keys;
  return readModels(
    {
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
    },
    fetchBy(egress, provider),
    signal,
  );
}

const fetchBy =
  (egress: Egress, { customBaseUrl, preset, proxy }: ResolvedProvider): FetchModels =>
  async ({ url, headers }, signal) => {
    const answer = await egress.send({
      url,
      method: "GET",
      headers,
      signal,
      timeouts: { connectMs: 5_000, firstByteMs: 20_000, idleMs: 10_000, totalMs },
      network: customBaseUrl || preset.local ? "private-allowed" : "public",
      proxy,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text(maxBytes) };
  };
