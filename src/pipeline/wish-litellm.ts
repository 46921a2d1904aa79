// Wishes that stand in the body as LiteLLM's clients write them. https://docs.litellm.ai/docs/proxy/reliability
import { isObject } from "../lib/json.ts";
import { nameIn, refused, type Unmet } from "./wish-values.ts";

/** LiteLLM's: names, or objects whose other members would change the request. @throws GatewayError `invalid_request` */
export function fallbacksIn(value: unknown, unmet: Unmet[]): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw refused("fallbacks", "must be a list of models");
  return value.map((item: unknown, at) => {
    if (!isObject(item)) return nameIn(item, "fallbacks");
    for (const name of Object.keys(item).filter((key) => key !== "model")) {
      unmet.push({ field: `fallbacks[${at}].${name}`, reason: "only the model is changed" });
    }
    return nameIn(item["model"], "fallbacks");
  });
}
