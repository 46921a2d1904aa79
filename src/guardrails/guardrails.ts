// The guardrails of a configuration, ready to run, and which of them run for a request.
import type { GuardrailSettings } from "../config/guardrails.ts";
import type { Guardrail, Check } from "./guardrail.ts";
import { jsonSchemaCheck } from "./types/json-schema.ts";
import { lengthCheck } from "./types/length.ts";
import { piiCheck } from "./types/pii.ts";
import { regexCheck } from "./types/regex.ts";
import { secretsCheck } from "./types/secrets.ts";
import { webhookCheck, type WebhookMeans } from "./types/webhook.ts";
import { wordsCheck } from "./types/words.ts";

export interface Guardrails {
  /** Those that run for every request, and those of these names; `unknown`: names that there are none of. */
  select(names: Iterable<string>): { guardrails: readonly Guardrail[]; unknown: readonly string[] };
}

/** What has been made ready, for as long as its configuration is there. */
const ready = new WeakMap<ReadonlyMap<string, GuardrailSettings>, Guardrails>();

/** @param settings of one configuration; the same gives the same */
export function guardrailsOf(
  settings: ReadonlyMap<string, GuardrailSettings>,
  means: WebhookMeans,
): Guardrails {
  const known = ready.get(settings);
  if (known) return known;
  const made = createGuardrails(settings, means);
  ready.set(settings, made);
  return made;
}

export function createGuardrails(
  settings: ReadonlyMap<string, GuardrailSettings>,
  means: WebhookMeans,
): Guardrails {
  const all = new Map<string, Guardrail>(
    [...settings].map(([name, each]) => [name, { settings: each, check: checkOf(each, means) }]),
  );
  return {
    select(names) {
      const wanted = new Set(names);
      return {
        // In the order of the file, so that masks come before those who judge what they left.
        guardrails: [...all.values()].filter(
          ({ settings: { name, defaultOn } }) => defaultOn || wanted.has(name),
        ),
        unknown: [...wanted].filter((name) => !all.has(name)),
      };
    },
  };
}

function checkOf({ name, options }: GuardrailSettings, means: WebhookMeans): Check {
  switch (options.type) {
    case "regex":
      return regexCheck(options.patterns);
    case "words":
      return wordsCheck(options);
    case "pii":
      return piiCheck(options.kinds);
    case "secrets":
      return secretsCheck(options.kinds);
    case "length":
      return lengthCheck(options);
    case "json_schema":
      return jsonSchemaCheck(options.schema);
    case "webhook":
      return webhookCheck({ ...options, name }, means);
    default:
      return options satisfies never;
  }
}
