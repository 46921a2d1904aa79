// LiteLLM's `guardrails`: those that are rules and not services have their like here.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Job } from "./importer.ts";
import { flagOf, textList } from "./values.ts";

/** Presidio's names of what it finds. */
const piiKinds: Readonly<Record<string, string>> = {
  EMAIL_ADDRESS: "email",
  PHONE_NUMBER: "phone",
  CREDIT_CARD: "credit_card",
  IBAN_CODE: "iban",
  US_SSN: "us_ssn",
  IP_ADDRESS: "ip_address",
};

const service = "what this service finds has no rule here: write a guardrail of `type: webhook`";

/** Carries what is a rule, and says of the rest why it is left. */
export function carryGuardrails(list: unknown, job: Job): void {
  if (!Array.isArray(list)) return;
  for (const [index, entry] of list.entries()) {
    const path: Path = ["guardrails", index];
    const params = isObject(entry) ? entry["litellm_params"] : undefined;
    const name = isObject(entry) ? entry["guardrail_name"] : undefined;
    if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/.test(name)) {
      job.report.left(path, "a guardrail needs a name of letters, digits and `_.@-`");
    } else if (!isObject(params)) {
      job.report.left(path, "a guardrail needs `litellm_params`");
    } else if (!carryOne(name, params, { path: [...path, "litellm_params"], job })) {
      job.report.left(path, service);
    } else {
      job.report.carried([...path, "guardrail_name"], ["guardrails", name]);
      job.report.left([...path, "guardrail_info"], "a note for LiteLLM's own pages");
    }
  }
}

interface Place {
  path: Path;
  job: Job;
}

/** False: there is nothing like it here. */
function carryOne(name: string, params: JsonObject, place: Place): boolean {
  const { path, job } = place;
  const rule = ruleOf(params, place);
  if (!rule) return false;
  const mode = modeOf(params["mode"]);
  const isOn = flagOf(params["default_on"]) === true;
  const at: Path = ["guardrails", name];
  job.draft.set(at, { ...rule, ...(mode && { mode }), ...(isOn && { default_on: true }) });
  job.report.carried([...path, "guardrail"], [...at, "type"]);
  if (mode) {
    job.report.adapted([...path, "mode"], [...at, "mode"], "before and beside the call are one");
  }
  if (isOn) job.report.carried([...path, "default_on"], [...at, "default_on"]);
  else job.report.left([...path, "default_on"], "it runs where it is named");
  for (const key of Object.keys(params)) {
    if (!told.has(key)) job.report.left([...path, key], "the gateway finds these by itself");
  }
  return true;
}

const told: ReadonlySet<string> = new Set([
  "guardrail",
  "mode",
  "default_on",
  "pii_entities_config",
]);

/** Undefined: no rule says the same. */
function ruleOf(params: JsonObject, { path, job }: Place): Record<string, unknown> | undefined {
  switch (params["guardrail"]) {
    case "hide-secrets":
      return { type: "secrets", action: "mask" };
    case "presidio":
      return personalData(params["pii_entities_config"], {
        path: [...path, "pii_entities_config"],
        job,
      });
    default:
      return undefined;
  }
}

/** Without a list of kinds it finds names and places, which no rule finds. */
function personalData(
  entities: unknown,
  { path, job }: Place,
): Record<string, unknown> | undefined {
  if (!isObject(entities)) return undefined;
  const known = Object.entries(entities).filter(([entity]) => Object.hasOwn(piiKinds, entity));
  const actions = new Set(known.map(([, action]) => String(action).toLowerCase()));
  const [action] = actions;
  // One guardrail has one action.
  if (actions.size !== 1 || (action !== "mask" && action !== "block")) return undefined;
  for (const entity of Object.keys(entities)) {
    const at = [...path, entity];
    if (Object.hasOwn(piiKinds, entity)) {
      job.report.adapted(
        at,
        undefined,
        `found as \`${piiKinds[entity]}\`, by form and check digits`,
      );
    } else job.report.left(at, "no rule finds this: write a guardrail of `type: webhook`");
  }
  return { type: "pii", kinds: known.map(([entity]) => piiKinds[entity]), action };
}

/** Undefined: both ways. */
function modeOf(written: unknown): "input" | "output" | undefined {
  const modes = textList(written);
  const isAfter = modes.some((mode) => mode === "post_call");
  const isBefore = modes.some((mode) => mode === "pre_call" || mode === "during_call");
  if (isAfter === isBefore) return undefined;
  return isAfter ? "output" : "input";
}
