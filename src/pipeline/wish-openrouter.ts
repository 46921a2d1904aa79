// Wishes that stand in the body as OpenRouter's clients write them. https://openrouter.ai/docs/features/provider-routing
import { isObject } from "../lib/json.ts";
import type { PolicyName } from "../routing/policies/index.ts";
import { given, namesIn, refused, type Unmet } from "./wish-values.ts";

/** As OpenRouter has them; names are lower case. */
export interface ProviderWishes {
  order?: readonly string[];
  only?: readonly string[];
  ignore?: readonly string[];
  sort?: PolicyName;
  /** Dollars per million tokens. */
  maxPrice?: { prompt?: number; completion?: number };
  requireParameters?: boolean;
  allowFallbacks?: boolean;
}

/** @throws GatewayError `invalid_request` */
export function providerIn(value: unknown, unmet: Unmet[]): ProviderWishes {
  if (value === undefined) return {};
  if (!isObject(value)) throw refused("provider", "must be an object");
  for (const [name, wish] of Object.entries(value)) {
    if (providerFields.has(name) || wish === null) continue;
    unmet.push({ field: `provider.${name}`, reason: "not known of the providers here" });
  }
  const list = (name: "order" | "only" | "ignore") => {
    const found = given(value, name);
    const names = namesIn(found, `provider.${name}`).map((each) => each.toLowerCase());
    return found === undefined ? {} : { [name]: names };
  };
  const flag = (name: string): boolean | undefined => {
    const found = given(value, name);
    if (found === undefined || typeof found === "boolean") return found;
    throw refused(`provider.${name}`, "must be true or false");
  };
  const sort = sortIn(given(value, "sort"));
  const maxPrice = pricesIn(given(value, "max_price"), unmet);
  const requireParameters = flag("require_parameters");
  const allowFallbacks = flag("allow_fallbacks");
  return {
    ...list("order"),
    ...list("only"),
    ...list("ignore"),
    ...(sort && { sort }),
    ...(maxPrice && { maxPrice }),
    ...(requireParameters !== undefined && { requireParameters }),
    ...(allowFallbacks !== undefined && { allowFallbacks }),
  };
}

const providerFields: ReadonlySet<string> = new Set([
  "order",
  "only",
  "ignore",
  "sort",
  "max_price",
  "require_parameters",
  "allow_fallbacks",
]);

/** It asks for what is done anyway. @throws GatewayError `invalid_request` */
export function checkUsage(value: unknown): void {
  if (value === undefined) return;
  if (!isObject(value) || Object.values(value).some((each) => typeof each !== "boolean")) {
    throw refused("usage", "must be an object such as `{ include: true }`");
  }
}

const sorts: Readonly<Record<string, PolicyName>> = {
  price: "lowest-cost",
  throughput: "highest-throughput",
  latency: "lowest-latency",
};

/** A word, or `{ by: word }`. */
function sortIn(value: unknown): PolicyName | undefined {
  if (value === undefined) return undefined;
  const word = isObject(value) ? given(value, "by") : value;
  const policy = typeof word === "string" && Object.hasOwn(sorts, word) ? sorts[word] : undefined;
  if (policy) return policy;
  throw refused("provider.sort", "must be `price`, `throughput` or `latency`");
}

function pricesIn(value: unknown, unmet: Unmet[]): ProviderWishes["maxPrice"] {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw refused("provider.max_price", "must be an object");
  for (const name of Object.keys(value)) {
    if (name === "prompt" || name === "completion") continue;
    unmet.push({ field: `provider.max_price.${name}`, reason: "only token prices are compared" });
  }
  const [prompt, completion] = ["prompt", "completion"].map((name) => {
    const written = given(value, name);
    if (written === undefined) return undefined;
    const price =
      typeof written === "string" && /^\d+(?:\.\d+)?$/.test(written) ? Number(written) : written;
    if (typeof price === "number" && price >= 0) return price;
    throw refused(`provider.max_price.${name}`, "must be dollars per million tokens");
  });
  return {
    ...(prompt !== undefined && { prompt }),
    ...(completion !== undefined && { completion }),
  };
}
