// LiteLLM's settings beside its models: routing, retries, fallbacks, the proxy itself.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { kinds, type Kind, routeName } from "./draft.ts";
import { addFallbacks, type WrittenFallback } from "./fallbacks.ts";
import type { Job } from "./importer.ts";
import type { Share } from "./litellm-model.ts";
import { isStrongKey } from "./safe.ts";
import { readOsEnviron, Template } from "./text.ts";
import { flagOf, secondsText, textList, wholeNumber } from "./values.ts";

/** One of LiteLLM's sections, with its place. */
export interface Section {
  values: JsonObject;
  path: Path;
}

/** The strategies' names. */
const strategies: Readonly<Record<string, string>> = {
  "simple-shuffle": "weighted",
  "least-busy": "least-busy",
  "latency-based-routing": "lowest-latency",
  "cost-based-routing": "lowest-cost",
  "usage-based-routing": "rate-limit-aware",
  "usage-based-routing-v2": "rate-limit-aware",
};

/** Where a key is written: the router's own section goes before the general one. */
const find = (
  key: string,
  sections: readonly Section[],
): { value: unknown; path: Path } | undefined => {
  const section = sections.find(({ values }) => values[key] !== undefined && values[key] !== null);
  return section && { value: section.values[key], path: [...section.path, key] };
};

/** How deployments are chosen: policy and weights of every route with several. */
export function carryRouting(
  sections: readonly Section[],
  shares: ReadonlyMap<string, readonly Share[]>,
  { report, draft }: Job,
): void {
  const written = find("routing_strategy", sections);
  const name = written === undefined ? "simple-shuffle" : String(written.value);
  const policy = Object.hasOwn(strategies, name) ? strategies[name] : undefined;
  const several = [...draft.routes].filter(([, route]) => route.deployments.length > 1);
  for (const [, route] of several) route.policy = policy ?? "weighted";
  const [first] = several;
  if (written) {
    if (policy === undefined) {
      report.left(written.path, "no policy does this; `weighted` is used in its place");
    } else if (first) report.carried(written.path, ["models", first[0], "policy"]);
    else report.left(written.path, "no model has several deployments to choose from");
  }
  for (const [route, deployments] of shares) {
    const isWeighted = deployments.length > 1 && (policy ?? "weighted") === "weighted";
    const measure = ["weight", "rpm", "tpm"].find((key) =>
      deployments.some(({ params }) => wholeShare(params[key]) !== undefined),
    );
    for (const { deployment, params, path, place } of deployments) {
      if (isWeighted && measure !== undefined) {
        const share = wholeShare(params[measure]) ?? 0;
        deployment.fields["weight"] = share;
        if (params[measure] === undefined) continue;
        if (measure === "weight") report.carried([...path, measure], [...place, "weight"]);
        else
          report.adapted(
            [...path, measure],
            [...place, "weight"],
            "shares of the traffic are in proportion; the limit itself is learned from the provider's answers",
          );
      } else if (params["weight"] !== undefined) {
        report.left(
          [...path, "weight"],
          deployments.length > 1
            ? `it has no effect under \`${name}\``
            : "there is no other deployment to share with",
        );
      }
    }
    if (deployments.every(({ deployment }) => deployment.fields["weight"] === 0)) {
      for (const { deployment } of deployments) delete deployment.fields["weight"];
    }
    if (!draft.routes.has(route)) continue;
  }
}

const wholeShare = (value: unknown): number | undefined => {
  const amount = Number(value);
  return value !== null && value !== undefined && amount >= 0 && amount <= 1e9 ? amount : undefined;
};

/** Aliases, then everything that may name one. */
export function carryNames(sections: readonly Section[], job: Job): void {
  const { report, draft } = job;
  const aliases = find("model_group_alias", sections);
  if (aliases && isObject(aliases.value)) {
    for (const [name, written] of Object.entries(aliases.value)) {
      const path = [...aliases.path, name];
      const to = isObject(written) ? written["model"] : written;
      const target = typeof to === "string" ? routeName(to) : "";
      const alias = routeName(name);
      if (!draft.routes.has(target)) report.left(path, `no model is named \`${String(to)}\``);
      else if (target.includes("*") && !alias.includes("*")) {
        report.left(
          path,
          "it stands for many models, and the alias holds no `*` that could stand for one",
        );
      } else if (draft.routes.has(alias) || alias === "")
        report.left(path, "a model has this name itself");
      else {
        draft.aliases.set(alias, target);
        const place = isObject(written) ? [...path, "model"] : path;
        report.carried(place, ["aliases", alias]);
        if (isObject(written))
          report.left([...path, "hidden"], "aliases are not listed among the models");
      }
    }
  }
  addFallbacks(writtenFallbacks(sections, job), job);
}

const fallbackKeys: Readonly<Record<Kind, string>> = {
  general: "fallbacks",
  context_window: "context_window_fallbacks",
  content_policy: "content_policy_fallbacks",
};

function writtenFallbacks(sections: readonly Section[], { report }: Job): WrittenFallback[] {
  const all: WrittenFallback[] = [];
  for (const kind of kinds) {
    const found = find(fallbackKeys[kind], sections);
    if (!found || !Array.isArray(found.value)) continue;
    for (const [index, item] of found.value.entries()) {
      if (!isObject(item)) continue;
      for (const [from, targets] of Object.entries(item)) {
        const list: readonly unknown[] = Array.isArray(targets) ? targets : [targets];
        for (const [place, target] of list.entries()) {
          const path = Array.isArray(targets)
            ? [...found.path, index, from, place]
            : [...found.path, index, from];
          const to = isObject(target) ? target["model"] : target;
          if (typeof to === "string")
            all.push({ kind, from, to, path: isObject(target) ? [...path, "model"] : path });
          if (isObject(target)) {
            report.explain(
              path,
              Object.fromEntries(Object.entries(target).filter(([key]) => key !== "model")),
              {
                messages: "a fallback gets the request as it is",
                api_key: "keys belong to providers",
                api_base: "addresses belong to providers",
              },
            );
          }
        }
      }
    }
  }
  const general = find("default_fallbacks", sections);
  if (general) {
    for (const [index, to] of textList(general.value).entries()) {
      const path = Array.isArray(general.value) ? [...general.path, index] : general.path;
      all.push({ kind: "general", from: "*", to, path });
    }
  }
  return all;
}

/** Retries, timeouts, health: what holds for every route. */
export function carryReliability(sections: readonly Section[], job: Job): void {
  const { report, draft } = job;
  const retries = find("num_retries", sections);
  if (retries) {
    const count = wholeNumber(retries.value, 0, 1_000_000);
    if (count === undefined) report.left(retries.path, "not a number of retries");
    else if (count > 10)
      report.adapted(retries.path, draft.set(["retry", "retries"], 10), "ten at most");
    else report.carried(retries.path, draft.set(["retry", "retries"], count));
  }
  carryRetryPolicy(sections, retries !== undefined, job);
  const timeout = find("timeout", sections) ?? find("request_timeout", sections);
  carrySeconds(
    timeout,
    ["timeouts", "total"],
    "the whole of one attempt; streams count until they are over",
    job,
  );
  carrySeconds(
    find("stream_timeout", sections),
    ["timeouts", "first_token"],
    "until a stream's first content; then the next deployment is asked",
    job,
  );
  const disabled = find("disable_cooldowns", sections);
  if (disabled) {
    if (flagOf(disabled.value) === true) {
      report.carried(disabled.path, draft.set(["health", "enabled"], false));
    } else report.left(disabled.path, "failing deployments rest in any case");
  }
  const checks = find("enable_pre_call_checks", sections);
  if (checks)
    report.adapted(
      checks.path,
      undefined,
      "always: models that a request is too long for are passed by",
    );
  const any = find("tag_filtering_match_any", sections);
  if (any)
    report.carried(any.path, draft.set(["tag_match"], flagOf(any.value) === false ? "all" : "any"));
  const filters = find("enable_tag_filtering", sections);
  if (filters)
    report.adapted(filters.path, undefined, "deployments with `tags` are chosen by them");
  const drop = find("drop_params", sections);
  const drops = drop && flagOf(drop.value);
  if (drop && drops !== undefined) {
    report.carried(drop.path, draft.set(["unsupported"], drops ? "drop" : "error"));
  }
  const parallel = find("default_max_parallel_requests", sections);
  const limit = parallel && wholeNumber(parallel.value, 1, 1_000_000);
  if (parallel && limit !== undefined) {
    let place: Path | undefined;
    for (const [name, route] of draft.routes) {
      for (const [index, { fields }] of route.deployments.entries()) {
        if (fields["max_concurrent"] !== undefined) continue;
        fields["max_concurrent"] = limit;
        place ??= ["models", name, "deployments", index, "max_concurrent"];
      }
    }
    report.adapted(parallel.path, place, "written at every deployment that has none of its own");
  }
  const logs = find("json_logs", sections);
  if (logs && flagOf(logs.value) === true)
    report.carried(logs.path, draft.set(["log", "format"], "json"));
}

function carrySeconds(
  found: { value: unknown; path: Path } | undefined,
  place: Path,
  how: string,
  { report, draft }: Job,
): void {
  if (!found) return;
  const text = secondsText(found.value, readOsEnviron);
  if (text === undefined) report.left(found.path, "not a number of seconds");
  else report.adapted(found.path, draft.set(place, text), how);
}

/** Kinds of failure that are worth another try. */
const retried = /^(?:Timeout|RateLimit|InternalServer|ServiceUnavailable|Default)/;

function carryRetryPolicy(
  sections: readonly Section[],
  isTold: boolean,
  { report, draft }: Job,
): void {
  const most = (policy: JsonObject): number =>
    Math.min(
      10,
      Math.max(
        -1,
        ...Object.entries(policy).map(([kind, count]) =>
          retried.test(kind) ? (wholeNumber(count, 0, 1_000_000) ?? -1) : -1,
        ),
      ),
    );
  const how = "one number for every failure that may pass: the largest of them";
  const general = find("retry_policy", sections);
  if (general && isObject(general.value) && !isTold && most(general.value) >= 0) {
    report.adapted(general.path, draft.set(["retry", "retries"], most(general.value)), how);
  }
  const groups = find("model_group_retry_policy", sections);
  if (!groups || !isObject(groups.value)) return;
  for (const [name, policy] of Object.entries(groups.value)) {
    const route = draft.routes.get(routeName(name));
    const path = [...groups.path, name];
    if (!route) report.left(path, `no model is named \`${name}\``);
    else if (isObject(policy) && most(policy) >= 0) {
      route.fields["retry"] = { retries: most(policy) };
      report.adapted(path, ["models", routeName(name), "retry", "retries"], how);
    }
  }
}

/** The key that clients get in place of the master key. */
const clientKeyVariable = "MEGALLM_CLIENT_KEY";

/** The proxy itself: `general_settings`. */
export function carryGeneral({ values, path }: Section, { report, draft, variables }: Job): void {
  const master = values["master_key"];
  if (typeof master === "string" && master !== "") {
    const at = [...path, "master_key"];
    const text = readOsEnviron(master);
    const isWeak = typeof text === "string" && !isStrongKey(text);
    const key = isWeak
      ? variables.hidden(text, "LITELLM_MASTER_KEY", at)
      : variables.secret(text, "LITELLM_MASTER_KEY", at);
    const weak = isWeak
      ? "; it is too easy to guess and will be refused: choose one of at least 16 characters"
      : "";
    report.adapted(
      at,
      draft.set(["admin", "key"], key),
      `it administers only, since clients must not hold it${weak}`,
    );
    draft.keys.set("clients", new Template({ variable: clientKeyVariable }));
    report.adapted(
      at,
      ["keys", "clients"],
      `clients need another key: choose $${clientKeyVariable}`,
    );
  }
  const whole = (key: string, place: Path, max: number, unit = ""): void => {
    if (values[key] === undefined || values[key] === null) return;
    const amount = wholeNumber(values[key], 1, max);
    if (amount === undefined)
      report.left([...path, key], `expected a whole number from 1 to ${max}`);
    else
      report.carried([...path, key], draft.set(place, unit === "" ? amount : `${amount}${unit}`));
  };
  whole("global_max_parallel_requests", ["server", "max_concurrent"], 1_000_000);
  whole("max_request_size_mb", ["server", "max_body"], 1024, "mb");
  whole("health_check_interval", ["health", "checks", "every"], 1_000_000, "s");
  const checks = flagOf(values["background_health_checks"]);
  if (checks !== undefined) {
    report.carried(
      [...path, "background_health_checks"],
      draft.set(["health", "checks", "enabled"], checks),
    );
  }
}
