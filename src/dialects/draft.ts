// The top level of a body made to fit a provider's quirks, whether it is an object or the bytes of a client.
import { isObject, type JsonObject } from "../lib/json.ts";
import type { Draft, Quirks, Target } from "./dialect.ts";

const refused = "the provider refuses this field";

/** What fields say that is so without them: nothing is lost with these. */
const defaults: Readonly<Partial<Record<string, unknown>>> = {
  logprobs: false,
  top_logprobs: 0,
  n: 1,
  store: false,
  frequency_penalty: 0,
  presence_penalty: 0,
  parallel_tool_calls: true,
  service_tier: "auto",
};

/** Leaves out, brings inside bounds or renames what the provider does not take: quirks that every dialect shares. */
export function fitRefused(
  draft: Draft,
  { model, quirks }: Pick<Target, "model" | "quirks">,
): void {
  const { accepts, drop = [], dropFor = [], rename = {}, maxStop } = quirks;
  const remove = (name: string, reason: string): void => {
    if (!draft.has(name)) return;
    if (saysNothing(name, draft.value(name), quirks)) draft.remove(name);
    else draft.remove(name, reason);
  };
  for (const name of drop) remove(name, refused);
  for (const { models, fields } of dropFor) {
    if (models.test(model)) for (const name of fields) remove(name, "the model refuses it");
  }
  clampNumbers(draft, quirks);
  if (maxStop !== undefined && draft.has("stop")) {
    const stop = draft.value("stop");
    if (Array.isArray(stop) && stop.length > maxStop) {
      const reason = `the provider takes at most ${maxStop} stop sequences: the first are sent`;
      draft.set("stop", stop.slice(0, maxStop), reason);
    }
  }
  for (const [name, to] of Object.entries(rename)) {
    if (!draft.has(name)) continue;
    if (draft.has(to)) draft.remove(name);
    else draft.rename(name, to);
  }
  if (accepts) {
    for (const name of draft.names()) if (!accepts.includes(name)) remove(name, refused);
  }
}

function clampNumbers(draft: Draft, { clamp = {} }: Quirks): void {
  for (const [name, { min = -Infinity, max = Infinity }] of Object.entries(clamp)) {
    const value = draft.has(name) ? draft.value(name) : undefined;
    if (typeof value !== "number" || (value >= min && value <= max)) continue;
    const bound = value < min ? min : max;
    const side = value < min ? "at least" : "at most";
    draft.set(name, bound, `the provider takes ${side} ${bound}: sent so`);
  }
}

function saysNothing(name: string, value: unknown, { usageInStream }: Quirks): boolean {
  if (value === null) return true;
  if (name === "stream_options" && usageInStream === "always") {
    return isObject(value) && Object.keys(value).every((key) => key === "include_usage");
  }
  return Object.hasOwn(defaults, name) && defaults[name] === value;
}

/** An encoded body as a draft: it is edited in place. */
export const draftOf = (
  body: JsonObject,
  losses: { lose(field: string, reason: string): void },
): Draft => ({
  names: () => Object.keys(body),
  has: (name) => Object.hasOwn(body, name),
  value: (name) => (Object.hasOwn(body, name) ? body[name] : undefined),
  isEmptyList: (name) => {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    return Array.isArray(value) && value.length === 0;
  },
  remove(name, reason) {
    delete body[name];
    if (reason !== undefined) losses.lose(name, reason);
  },
  rename(name, to) {
    body[to] = body[name];
    delete body[name];
  },
  set(name, value, reason) {
    body[name] = value;
    if (reason !== undefined) losses.lose(name, reason);
  },
});
