// One entry of LiteLLM's `model_list` as a deployment of a route.
import { formatPath } from "../config/problems.ts";
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import { type DraftDeployment, type DraftRoute, routeName } from "./draft.ts";
import type { Job } from "./importer.ts";
import { carryFields } from "./litellm-fields.ts";
import { modelInfoReasons, paramReasons } from "./litellm-keys.ts";
import { carryPrices } from "./litellm-prices.ts";
import { connect, findUpstream, type PlaceOf } from "./litellm-upstream.ts";

/** Named sets of credentials: `credential_list`. */
export type Credentials = ReadonlyMap<string, { values: JsonObject; path: Path }>;

/** What only the whole route can decide about. */
export interface Share {
  deployment: DraftDeployment;
  params: JsonObject;
  path: Path;
  place: Path;
}

export interface EntryContext {
  job: Job;
  credentials: Credentials;
  /** Deployments are chosen by tags. */
  filtersTags: boolean;
  shares: Map<string, Share[]>;
}

/** Carries one entry; `path` is its place in the source. */
export function importEntry(entry: unknown, path: Path, context: EntryContext): void {
  const { job, credentials } = context;
  const { report } = job;
  const written = isObject(entry) ? entry["litellm_params"] : undefined;
  const name = isObject(entry) ? entry["model_name"] : undefined;
  if (
    !isObject(entry) ||
    !isObject(written) ||
    typeof name !== "string" ||
    routeName(name) === ""
  ) {
    report.left(path, "an entry needs `model_name` and `litellm_params`");
    return;
  }
  const { params, placeOf } = withCredentials(written, [...path, "litellm_params"], credentials);
  const found = findUpstream(params, job);
  if (typeof found === "string") {
    report.left(path, found);
    return;
  }
  const route = routeName(name);
  if (found.model.includes("*") && !route.includes("*")) {
    report.left(path, "its model holds a `*`, and its name holds none that could stand for it");
    return;
  }
  const { deployments } = takeRoute(route, job);
  const place: Path = ["models", route, "deployments", deployments.length];
  const used = connect(found, params, placeOf, job);
  if (typeof used === "string") {
    report.left(path, used);
    if (deployments.length === 0) job.draft.routes.delete(route);
    return;
  }
  const deployment: DraftDeployment = {
    target: { connection: used.connection, model: found.model, key: used.key },
    fields: {},
  };
  deployments.push(deployment);
  context.shares.set(route, [
    ...(context.shares.get(route) ?? []),
    { deployment, params, path: [...path, "litellm_params"], place },
  ]);
  report.anchor(path, deployments.length === 1 ? ["models", route] : place);
  if (route === name) report.carried([...path, "model_name"], ["models", route]);
  else {
    report.adapted(
      [...path, "model_name"],
      ["models", route],
      "a name holds no spaces and at most one `*`",
    );
  }
  const isWhole = found.note === undefined;
  if (isWhole) report.carried(placeOf("model"), [...place, "model"]);
  else report.adapted(placeOf("model"), [...place, "model"], found.note ?? "");
  carryFields(deployment, { params, placeOf, place, context });
  carryPrices(used, found.model, { entry, path, params, placeOf, job });
}

/** Says of each key that was left why; after everything that may still use one. */
export function explainEntry(
  entry: unknown,
  path: Path,
  { job: { report }, shares }: EntryContext,
): void {
  const at = [...path, "litellm_params"];
  const isCarried = [...shares.values()]
    .flat()
    .some((share) => formatPath(share.path) === formatPath(at));
  if (!isObject(entry) || !isCarried) return;
  report.explain(at, entry["litellm_params"], paramReasons);
  report.explain([...path, "model_info"], entry["model_info"], modelInfoReasons);
}

function takeRoute(name: string, { draft }: Job): DraftRoute {
  const known = draft.routes.get(name);
  if (known) return known;
  const route: DraftRoute = { deployments: [], fallbacks: {}, fields: {} };
  draft.routes.set(name, route);
  return route;
}

/** The parameters with those of the named credential behind them, and where each stands. */
function withCredentials(
  params: JsonObject,
  path: Path,
  credentials: Credentials,
): { params: JsonObject; placeOf: PlaceOf } {
  const name = params["litellm_credential_name"];
  const credential = typeof name === "string" ? credentials.get(name) : undefined;
  return {
    params: { ...credential?.values, ...params },
    placeOf: (key) =>
      Object.hasOwn(params, key) || !credential ? [...path, key] : [...credential.path, key],
  };
}
