// Where a store is, between a test and its processes.
import { Secret } from "../../src/lib/secret.ts";
import type { StoreLocation } from "../../src/store/store.ts";

export function locationOf(json: string): StoreLocation & { leaseMs?: number } {
  const { path, url, ...options } = JSON.parse(json) as {
    path?: string;
    url?: string;
    leaseMs?: number;
  };
  return { ...options, ...(url === undefined ? { path: path ?? "" } : { url: new Secret(url) }) };
}
