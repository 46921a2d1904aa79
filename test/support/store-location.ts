// Where a store is, between a test and its processes.
import { Secret } from "../../src/lib/secret.ts";
import type { StoreLocation } from "../../src/store/store.ts";

export function locationOf(json: string): StoreLocation {
  const { path, url } = JSON.parse(json) as { path?: string; url?: string };
  return url === undefined ? { path: path ?? "" } : { url: new Secret(url) };
}
