// From the written model entries to routes whose every target exists.
import type { Path } from "../lib/json.ts";
import type { Deployment, Group, ResolvedProvider, Route } from "./config.ts";
import { checkAliases } from "./aliases.ts";
import { listedIn, readFallbacks } from "./fallbacks.ts";
import { resolveGroup, standingOf } from "./groups.ts";
import { listedFor, readExperiment, readShadows } from "./experiments.ts";
import { readParameters } from "./parameters.ts";
import { readAuto } from "./auto.ts";
import { readRetry } from "./retry.ts";
import { didYouMean, quoted } from "./problems.ts";
import type { Resolution } from "./providers.ts";
import type { ParsedConfig, ParsedRoute } from "./schema.ts";

/** What routes may point at. */
export interface Targets {
  providers: readonly ResolvedProvider[];
  /** Names of all providers in the file: one that is not among the above has a problem reported elsewhere, or is disabled. */
  writtenProviders: ReadonlySet<string>;
  /** Names of all routes in the file, also of those that are not in `config` because of a problem. */
  writtenRoutes: ReadonlySet<string>;
}

/** Links in a row; more is a mistake. */
const maxChain = 32;

type RouteTable = ParsedConfig["models"];
type Answer = { provider: string; model: string } | "disabled" | "broken" | undefined;

export function resolveRoutes(
  config: ParsedConfig,
  targets: Targets,
  resolution: Resolution,
): Map<string, Route> {
  const table = config.models;
  reportCycles(table, resolution);
  const finder = createFinder(config, targets, resolution);
  for (const { target, path } of listedIn(config.default_fallbacks, ["default_fallbacks"])) {
    if (!isRoute(table, target)) finder(target, path);
  }
  checkAliases(config, finder, resolution);
  const routes = new Map<string, Route>();
  for (const [name, entry] of Object.entries(table)) {
    if (typeof entry !== "string") {
      const route = resolveRoute(name, entry, table, finder, resolution);
      if (route !== undefined) routes.set(name, route);
    }
  }
  for (const [name, entry] of Object.entries(table)) {
    if (typeof entry !== "string") continue;
    const route = resolveAlias(name, entry, table, routes, finder, resolution);
    if (route !== undefined) routes.set(name, route);
  }
  // In the order of the file, whatever order they were resolved in.
  return new Map(
    Object.keys(table).flatMap((name) => {
      const route = routes.get(name);
      return route === undefined ? [] : [[name, route] as const];
    }),
  );
}

const isRoute = (table: RouteTable, name: string): boolean => Object.hasOwn(table, name);

function resolveAlias(
  name: string,
  entry: string,
  table: RouteTable,
  routes: ReadonlyMap<string, Route>,
  find: Finder,
  resolution: Resolution,
): Route | undefined {
  let target = entry;
  const passed = new Set([name]);
  // A route may carry the name of what it points at (`openai/gpt-4o: openai/gpt-4o`): that is no circle.
  while (isRoute(table, target) && !passed.has(target) && passed.size <= maxChain) {
    passed.add(target);
    const next = table[target];
    if (typeof next !== "string") {
      const route = routes.get(target);
      return route === undefined ? undefined : { ...route, name };
    }
    target = next;
  }
  const path: Path = ["models", name];
  // Where a chain breaks is reported by its last link, a circle by its own check.
  const reported = target !== entry || (isRoute(table, target) && !target.includes("/"));
  const found = find(target, path, reported);
  if (found === "disabled") {
    resolution.warning(path, `${quoted(name)} is left out: its provider is disabled`);
  }
  if (found === undefined || typeof found === "string") return undefined;
  return {
    name,
    policy: "first",
    deployments: [{ ...found, weight: 1, order: 0, timeouts: {}, parameters: {} }],
    fallbacks: {},
    timeouts: {},
    retry: {},
  };
}

function resolveRoute(
  name: string,
  entry: Exclude<ParsedRoute, string>,
  table: RouteTable,
  find: Finder,
  resolution: Resolution,
): Route | undefined {
  const at: Path = ["models", name];
  const deployments: (Deployment | Group)[] = [];
  let known = true;
  const experiment = readExperiment(name, entry, resolution);
  const policy = experiment ? "weighted" : entry.policy;
  if (!experiment && !entry.deployments) known = false;
  const listed = listedFor(name, entry);
  for (const { written, place, arm } of listed) {
    const modelPlace: Path = [...place, "model"];
    if (written.weight !== undefined && policy !== "weighted") {
      resolution.warning(
        [...place, "weight"],
        `\`weight\` has no effect under \`policy: ${policy}\``,
        "set `policy: weighted`",
      );
    }
    if (written.model === undefined || written.route !== undefined) {
      const group = resolveGroup(written, { table, place, resolution });
      if (group) deployments.push({ ...group, ...(arm !== undefined && { arm }) });
      else known = false;
      continue;
    }
    const found = find(written.model, modelPlace);
    if (found === "disabled") {
      resolution.warning(
        modelPlace,
        `${quoted(written.model)} is left out: its provider is disabled`,
      );
      continue;
    }
    if (found === undefined || found === "broken") {
      known = false;
      continue;
    }
    const { key, region } = written;
    if (key !== undefined) find.checkKey(found.provider, key, [...place, "key"]);
    deployments.push({
      ...found,
      ...standingOf(written),
      ...(region === undefined ? {} : { region }),
      ...(key === undefined ? {} : { key }),
      timeouts: written.timeouts,
      parameters: readParameters(written),
      ...(written.max_concurrent === undefined ? {} : { maxConcurrent: written.max_concurrent }),
      ...(written.health_check && { healthCheck: written.health_check }),
      ...(arm !== undefined && { arm }),
    });
  }
  if (policy === "weighted" && known && deployments.every(({ weight }) => weight === 0)) {
    if (deployments.length > 0) {
      resolution.problem(
        [...at, ...(experiment ? ["experiment", "arms"] : ["deployments"])],
        "all weights are 0, so nothing would be called",
        "give one a weight above 0",
        "key",
      );
    }
  }
  for (const { target, path } of listedIn(entry.fallbacks, [...at, "fallbacks"])) {
    if (!isRoute(table, target)) find(target, path);
  }
  const shadows = readShadows(name, entry, { find, names: Object.keys(table), resolution });
  if (deployments.length === 0) {
    if (known)
      resolution.warning(at, `${quoted(name)} is left out: none of its providers is enabled`);
    return undefined;
  }
  return {
    name,
    ...(entry.description === undefined ? {} : { description: entry.description }),
    ...(entry.store_bodies && { storeBodies: true as const }),
    ...(entry.guardrails && { guardrails: entry.guardrails }),
    policy,
    deployments,
    fallbacks: readFallbacks(entry.fallbacks),
    timeouts: entry.timeouts,
    retry: readRetry(entry.retry),
    ...(entry.on_midstream_failure === "continue" && { onMidstreamFailure: "continue" as const }),
    ...(entry.hedge && {
      hedge: {
        after: entry.hedge.after,
        wholeAfter: entry.hedge.whole_after === "off" ? null : entry.hedge.whole_after,
        maxExtraSpend: entry.hedge.max_extra_spend,
        withEffects: entry.hedge.with_effects,
      },
    }),
    ...(entry.sticky === undefined ? {} : { sticky: entry.sticky }),
    ...readAuto(
      entry,
      { at, deployments, isWhole: known && deployments.length === listed.length },
      resolution,
    ),
    ...(entry.unsupported === undefined ? {} : { unsupported: entry.unsupported }),
    ...(experiment && {
      experiment,
      ...(experiment.sticky && { sticky: experiment.sticky }),
    }),
    ...(shadows.length === 0 ? {} : { shadows }),
    ...(entry.cache && { cache: entry.cache }),
  };
}

export interface Finder {
  /** The provider and model of `provider/model`; undefined after a problem. */
  (target: string, path: Path, quiet?: boolean): Answer;
  checkKey(provider: string, key: string, path: Path): void;
}

function createFinder(config: ParsedConfig, targets: Targets, resolution: Resolution): Finder {
  const providers = new Map(targets.providers.map((provider) => [provider.name, provider]));
  const table = config.models;
  const isLocal = (name: string): boolean =>
    config.discover.local &&
    resolution.presets.some((preset) => preset.id === name && preset.local === true);

  const find = (target: string, path: Path, quiet = false): Answer => {
    const report = (message: string, hint?: string): undefined => {
      if (!quiet) resolution.problem(path, message, hint);
    };
    if (!isRoute(table, target) && targets.writtenRoutes.has(target)) return "broken";
    const slash = target.indexOf("/");
    if (slash <= 0 || slash === target.length - 1) {
      if (isRoute(table, target)) {
        return report(
          `${quoted(target)} is a route, and a deployment is \`provider/model\``,
          "name the route in `fallbacks`, or make this entry an alias",
        );
      }
      return report(
        `${quoted(target)} is neither a route nor \`provider/model\``,
        didYouMean(
          target,
          Object.keys(table).filter((name) => name !== path[1]),
        ) ?? "write `provider/model`",
      );
    }
    const name = target.slice(0, slash);
    const model = target.slice(slash + 1);
    const provider = providers.get(name);
    if (provider === undefined) {
      if (Object.hasOwn(config.providers, name) && config.providers[name]?.enabled === false) {
        return "disabled";
      }
      if (targets.writtenProviders.has(name)) return "broken";
      if (isLocal(name)) return { provider: name, model };
      const isPreset = resolution.presets.some((preset) => preset.id === name);
      return report(
        `no provider is named ${quoted(name)}`,
        isPreset
          ? `add \`${name}: {}\` under \`providers\``
          : (didYouMean(name, [...providers.keys(), ...targets.writtenProviders]) ??
              "add it under `providers`"),
      );
    }
    const isWildcard = path.some((step) => typeof step === "string" && step.includes("*"));
    if (model.includes("*") && !isWildcard) {
      return report(
        `${quoted(target)} holds a \`*\`, and the route's name holds none that could stand for it`,
        "write a `*` into the route's name too, or name one model",
      );
    }
    if (provider.models !== null && !provider.models.has(model) && !model.includes("*")) {
      return report(
        `the provider ${quoted(name)} does not list the model ${quoted(model)}`,
        didYouMean(model, [...provider.models.keys()]) ?? `add it to \`providers.${name}.models\``,
      );
    }
    return { provider: name, model };
  };

  return Object.assign(find, {
    checkKey(provider: string, key: string, path: Path): void {
      const names = (providers.get(provider)?.keys ?? []).map((entry) => entry.name);
      if (names.includes(key)) return;
      resolution.problem(
        path,
        `the provider ${quoted(provider)} has no key named ${quoted(key)}`,
        didYouMean(key, names) ??
          (names.length === 0
            ? "remove `key`"
            : `it has ${names.map((name) => `\`${name}\``).join(", ")}`),
      );
    },
  });
}

/** Reports each circle of aliases, groups and fallbacks once, where it closes. */
function reportCycles(table: RouteTable, resolution: Resolution): void {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (name: string, from: Path): void => {
    if (done.has(name)) return;
    if (trail.length >= maxChain) {
      resolution.problem(
        from,
        `more than ${maxChain} routes point at one another in a row`,
        "point at `provider/model` sooner",
      );
      return;
    }
    trail.push(name);
    for (const { target, path } of edges(name, table[name])) {
      if (!isRoute(table, target)) continue;
      const start = trail.indexOf(target);
      if (start < 0) visit(target, path);
      else {
        const circle = [...trail.slice(start), target].map((step) => quoted(step)).join(" → ");
        resolution.problem(
          path,
          `the routes go in a circle: ${circle}`,
          "let one of them end elsewhere",
        );
      }
    }
    trail.pop();
    done.add(name);
  };
  for (const name of Object.keys(table)) visit(name, ["models", name]);
}

function edges(name: string, entry: ParsedRoute | undefined): { target: string; path: Path }[] {
  if (entry === undefined) return [];
  if (typeof entry === "string") {
    return entry === name && entry.includes("/") ? [] : [{ target: entry, path: ["models", name] }];
  }
  return [
    ...listedFor(name, entry).flatMap(({ written: { route }, place }) =>
      route === undefined ? [] : [{ target: route, path: [...place, "route"] }],
    ),
    ...listedIn(entry.fallbacks, ["models", name, "fallbacks"]),
  ];
}
