// LiteLLM's prices by the token as a provider's prices by the million.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Used } from "./connections.ts";
import { perMillion } from "./decimal.ts";
import type { Job } from "./importer.ts";
import { priceFields } from "./litellm-keys.ts";
import type { PlaceOf } from "./litellm-upstream.ts";
import { scalarText } from "./values.ts";

/** Carries the prices of one entry to its provider. */
export function carryPrices(
  { connection }: Used,
  model: string,
  {
    entry,
    path,
    params,
    placeOf,
    job,
  }: { entry: JsonObject; path: Path; params: JsonObject; placeOf: PlaceOf; job: Job },
): void {
  const { report, source } = job;
  const info = isObject(entry["model_info"]) ? entry["model_info"] : {};
  const price: Record<string, string> = {};
  const said: { at: Path; field: string }[] = [];
  for (const [key, field] of Object.entries(priceFields)) {
    for (const [holder, at] of [
      [info, [...path, "model_info", key]],
      [params, placeOf(key)],
    ] as const) {
      const value = holder[key];
      if (value === undefined || value === null) continue;
      const amount = perMillion(source.spelling(at) ?? scalarText(value) ?? "");
      if (amount === undefined)
        report.left(at, "not a price with at most nine digits after the point by the million");
      else {
        price[field] = amount;
        said.push({ at, field });
      }
    }
  }
  if (said.length === 0) return;
  const place: Path = ["providers", connection.name, "prices", model];
  const known = connection.prices.get(model);
  for (const { at, field } of said) {
    if (price["input"] === undefined || price["output"] === undefined) {
      report.left(at, "a price needs both input and output");
    } else if (known && JSON.stringify(known) !== JSON.stringify(price)) {
      report.left(at, "another entry gives this provider's model another price");
    } else report.adapted(at, [...place, field], "US dollars per million tokens");
  }
  if (price["input"] !== undefined && price["output"] !== undefined && !known) {
    connection.prices.set(model, price);
  }
}
