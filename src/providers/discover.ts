// Which providers this machine offers without being told: keys in the environment, servers on local ports.
import type { Provider } from "./provider.ts";

/** A provider whose key is in the environment, and the variable that holds it. */
export interface EnvironmentFind {
  provider: string;
  variable: string;
}

/** A local server that answered a probe. */
export interface LocalFind {
  provider: string;
  baseUrl: string;
  models: string[];
}

export interface LocalProbe {
  /** How to reach the servers: the egress's. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export function discoverEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  providers: readonly Provider[],
): EnvironmentFind[] {
  return providers.flatMap((provider) => {
    const variable = provider.env.find((name) => (env[name] ?? "").trim() !== "");
    return variable === undefined ? [] : [{ provider: provider.id, variable }];
  });
}

export async function discoverLocal(_probe: LocalProbe): Promise<LocalFind[]> {
  return [];
}
