// LiteLLM's `config.yaml`.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { ImportError } from "./failure.ts";
import type { Importer, Job } from "./importer.ts";
import { carryGuardrails } from "./litellm-guardrails.ts";
import { generalReasons, routerReasons, sectionReasons, settingsReasons } from "./litellm-keys.ts";
import { type Credentials, type EntryContext, explainEntry, importEntry } from "./litellm-model.ts";
import {
  carryGeneral,
  carryNames,
  carryReliability,
  carryRouting,
  type Section,
} from "./litellm-settings.ts";
import { readOsEnviron } from "./text.ts";
import { flagOf } from "./values.ts";

export const litellm: Importer = {
  title: "LiteLLM's configuration",
  format: "yaml",
  readText: readOsEnviron,
  run(job) {
    const { root } = job.source;
    if (!isObject(root))
      throw new ImportError("LiteLLM's configuration is a map with `model_list`.");
    if (
      !["model_list", "litellm_settings", "router_settings", "general_settings"].some((key) =>
        Object.hasOwn(root, key),
      )
    ) {
      throw new ImportError(
        "There is no `model_list` in this file: is it LiteLLM's `config.yaml`?",
      );
    }
    const section = (key: string): Section => ({
      values: isObject(root[key]) ? root[key] : {},
      path: [key],
    });
    const router = section("router_settings");
    const general = section("litellm_settings");
    const sections = [router, general];
    const context: EntryContext = {
      job,
      credentials: readCredentials(root["credential_list"], job),
      filtersTags: sections.some(({ values }) => flagOf(values["enable_tag_filtering"]) === true),
      shares: new Map(),
    };
    defineVariables(root["environment_variables"], job);
    const entries: readonly unknown[] = Array.isArray(root["model_list"]) ? root["model_list"] : [];
    for (const [index, entry] of entries.entries())
      importEntry(entry, ["model_list", index], context);
    carryRouting(sections, context.shares, job);
    for (const [index, entry] of entries.entries())
      explainEntry(entry, ["model_list", index], context);
    job.report.anchor(["model_list"], ["models"]);
    carryNames(sections, job);
    carryReliability(sections, job);
    carryGeneral(section("general_settings"), job);
    carryGuardrails(root["guardrails"], job);
    job.report.explain(router.path, root["router_settings"], routerReasons);
    job.report.explain(general.path, root["litellm_settings"], settingsReasons);
    job.report.explain(["general_settings"], root["general_settings"], generalReasons);
    job.report.explain([], root, sectionReasons);
  },
};

/** Each credential's values, and where they stand. */
function readCredentials(list: unknown, { report }: Job): Credentials {
  const found = new Map<string, { values: JsonObject; path: Path }>();
  if (!Array.isArray(list)) return found;
  for (const [index, entry] of list.entries()) {
    const path: Path = ["credential_list", index];
    if (
      !isObject(entry) ||
      typeof entry["credential_name"] !== "string" ||
      !isObject(entry["credential_values"])
    ) {
      report.left(path, "a credential needs `credential_name` and `credential_values`");
      continue;
    }
    found.set(entry["credential_name"], {
      values: entry["credential_values"],
      path: [...path, "credential_values"],
    });
    report.adapted(
      [...path, "credential_name"],
      undefined,
      "written at each provider that uses it",
    );
    report.left([...path, "credential_values"], "no model uses it");
    report.left([...path, "credential_info"], "a note for LiteLLM's own pages");
  }
  return found;
}

/** Variables that LiteLLM sets for itself: their values stay out of the file. */
function defineVariables(values: unknown, { report, variables }: Job): void {
  if (!isObject(values)) return;
  for (const [name, value] of Object.entries(values)) {
    const path: Path = ["environment_variables", name];
    const text = readOsEnviron(String(value));
    if (typeof text !== "string" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      report.left(path, "set it in the environment of the gateway");
      continue;
    }
    variables.define(name, text, path);
    report.adapted(
      path,
      undefined,
      "set it in the environment of the gateway, if the file names it",
    );
  }
}
