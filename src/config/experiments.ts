// From the written experiment and shadows of a route to arms that stand in the place of its deployments, and places that copies go to.
import type { Path } from "../lib/json.ts";
import type { Experiment, Shadow } from "./config.ts";
import { didYouMean, quoted } from "./problems.ts";
import type { Resolution } from "./providers.ts";
import type { Finder } from "./routes.ts";
import type { ParsedRoute } from "./schema.ts";

type ParsedMap = Exclude<ParsedRoute, string>;
export type ParsedDeployment = NonNullable<ParsedMap["deployments"]>[number];

/** A deployment as it is written somewhere; `arm`: the name that it has in an experiment. */
export interface Listed {
  written: ParsedDeployment;
  place: Path;
  arm?: string;
}

/** What stands where the route's deployments do. */
export function listedFor(
  name: string,
  { deployments = [], experiment }: Pick<ParsedMap, "deployments" | "experiment">,
): Listed[] {
  const at: Path = ["models", name];
  if (experiment) {
    return Object.entries(experiment.arms).map(([arm, written]) => {
      return { written, place: [...at, "experiment", "arms", arm], arm };
    });
  }
  return deployments.map((written, index) => ({ written, place: [...at, "deployments", index] }));
}

/** What has no place beside an experiment. */
const besides = ["deployments", "sticky", "slider", "hedge"] as const;

/** Undefined where there is none. */
export function readExperiment(
  name: string,
  entry: ParsedMap,
  resolution: Resolution,
): Experiment | undefined {
  const { deployments, experiment, policy } = entry;
  const at: Path = ["models", name];
  if (!experiment) {
    if (!deployments) {
      resolution.problem(
        at,
        `\`deployments\` is missing in ${quoted(name)}`,
        "list at least one `provider/model`, or write an `experiment`",
        "key",
      );
    }
    return undefined;
  }
  const extra = besides.find((field) => entry[field] !== undefined);
  const wrong = extra ?? (policy === "first" || policy === "weighted" ? undefined : "policy");
  if (wrong !== undefined) {
    resolution.problem(
      [...at, wrong],
      `\`${wrong}\` has no place beside an \`experiment\`, which splits the requests itself`,
      wrong === "sticky" ? "write it under `experiment`" : "remove one of them",
      "key",
    );
  }
  for (const [arm, { order }] of Object.entries(experiment.arms)) {
    if (order === undefined) continue;
    resolution.problem(
      [...at, "experiment", "arms", arm, "order"],
      "`order` has no place in an experiment: every arm has its share",
      "remove it, or set `weight: 0`",
      "key",
    );
  }
  const { name: own = nameOf(name), sticky } = experiment;
  return { name: own, ...(sticky === "none" ? {} : { sticky }) };
}

/** A route's name as an experiment's. @example nameOf("team/*") // → "team_" */
const nameOf = (route: string): string =>
  route
    .replaceAll(/[^A-Za-z0-9_.-]/g, "_")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64) || "route";

export function readShadows(
  name: string,
  { shadow = [] }: Pick<ParsedMap, "shadow">,
  { find, names, resolution }: { find: Finder; names: readonly string[]; resolution: Resolution },
): Shadow[] {
  return shadow.flatMap((each, index): Shadow[] => {
    const { route: to } = each;
    const path: Path = ["models", name, "shadow", ...(shadow.length > 1 ? [index] : []), "route"];
    if (!names.includes(to)) {
      if (!to.includes("/")) {
        const hint = didYouMean(to, names) ?? "add it under `models`, or write `provider/model`";
        resolution.problem(path, `no route is named ${quoted(to)}`, hint);
        return [];
      }
      const found = find(to, path);
      if (found === "disabled") {
        resolution.warning(path, `${quoted(to)} gets no copies: its provider is disabled`);
      }
      if (found === undefined || typeof found === "string") return [];
    }
    return [
      {
        model: to,
        share: each.share,
        maxConcurrent: each.max_concurrent,
        ...(each.max_cost_per_day !== undefined && { maxCostPerDayNanos: each.max_cost_per_day }),
        keepAnswers: each.keep_answers,
      },
    ];
  });
}
