// One entry of LiteLLM's `model_list` as a deployment of a route.
import { placeKey } from "../config/document.ts";
import { formatPath } from "../config/problems.ts";
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { Used } from "./connections.ts";
import { perMillion } from "./decimal.ts";
import { type DraftDeployment, type DraftRoute, routeName } from "./draft.ts";
import type { Job } from "./importer.ts";
import { modelInfoReasons, paramReasons, priceFields, requestFields } from "./litellm-keys.ts";
import { connect, findUpstream, type PlaceOf } from "./litellm-upstream.ts";
import { readOsEnviron, type Text } from "./text.ts";
import { flagOf, secondsText, textList, wholeNumber } from "./values.ts";

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
  const { deployments } = takeRoute(route, job);
  const place: Path = ["models", route, "deployments", deployments.length];
  const used = connect(found, params, placeOf, job);
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

function carryFields(
  deployment: DraftDeployment,
  {
    params,
    placeOf,
    place,
    context,
  }: { params: JsonObject; placeOf: PlaceOf; place: Path; context: EntryContext },
): void {
  const { report } = context.job;
  const { fields, target } = deployment;
  const set = (key: string, field: string, value: unknown, how?: string): void => {
    if (value === undefined) {
      report.left(placeOf(key), `the value does not fit \`${field}\``);
      return;
    }
    fields[field] = value;
    if (how === undefined) report.carried(placeOf(key), [...place, field]);
    else report.adapted(placeOf(key), [...place, field], how);
  };
  const timeouts: Record<string, unknown> = {};
  for (const [key, timeout, how] of [
    ["timeout", "total", "the whole of one attempt; streams count until they are over"],
    ["request_timeout", "total", "the whole of one attempt; streams count until they are over"],
    [
      "stream_timeout",
      "first_token",
      "until a stream's first content; then the next deployment is asked",
    ],
  ] as const) {
    if (params[key] === undefined || params[key] === null) continue;
    const text = secondsText(params[key], readOsEnviron);
    if (text === undefined) {
      report.left(placeOf(key), "not a number of seconds");
      continue;
    }
    timeouts[timeout] = text;
    report.adapted(placeOf(key), [...place, "timeouts", timeout], how);
  }
  if (Object.keys(timeouts).length > 0) fields["timeouts"] = timeouts;
  if (params["order"] !== undefined) set("order", "order", wholeNumber(params["order"], 0, 1000));
  if (params["max_parallel_requests"] !== undefined) {
    set(
      "max_parallel_requests",
      "max_concurrent",
      wholeNumber(params["max_parallel_requests"], 1, 1_000_000),
    );
  }
  const tags = textList(params["tags"]).filter((tag) => /^[^\s,\p{Cc}]{1,100}$/u.test(tag));
  if (params["tags"] !== undefined && !context.filtersTags) {
    report.left(placeOf("tags"), "`enable_tag_filtering` is off, so that they choose nothing");
  } else if (params["tags"] !== undefined) set("tags", "tags", tags.length > 0 ? tags : undefined);
  const drop = params["drop_params"];
  if (drop !== undefined && drop !== null) {
    set(
      "drop_params",
      "unsupported",
      flagOf(drop) === undefined ? undefined : flagOf(drop) ? "drop" : "error",
    );
  }
  if (params["additional_drop_params"] !== undefined) {
    set("additional_drop_params", "drop_params", textList(params["additional_drop_params"]));
  }
  if (params["allowed_openai_params"] !== undefined) {
    set("allowed_openai_params", "allow_params", textList(params["allowed_openai_params"]));
  }
  const headers = ["extra_headers", "headers"].find((key) => isObject(params[key]));
  if (headers !== undefined)
    set(headers, "extra_headers", headerTexts(params[headers], placeOf(headers), context.job));
  carryBody(deployment, { params, placeOf, place, context });
  if ("route" in target) return;
  for (const key of ["num_retries", "max_retries"] as const) {
    const count = wholeNumber(params[key], 0, 10);
    const route = context.job.draft.routes.get(String(place[1]));
    if (count === undefined || !route) continue;
    const before = route.fields["retry"] as { retries: number } | undefined;
    route.fields["retry"] = { retries: Math.max(count, before?.retries ?? 0) };
    report.adapted(
      placeOf(key),
      ["models", String(place[1]), "retry", "retries"],
      "of the whole route",
    );
  }
}

function headerTexts(
  value: unknown,
  path: Path,
  { variables }: Job,
): Record<string, Text> | undefined {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      const read = readOsEnviron(String(text));
      const isSecret = /auth|key|token|secret|cookie/i.test(name);
      return [name, isSecret ? variables.secret(read, `header_${name}`, [...path, name]) : read];
    }),
  );
}

/** What is sent with every request. */
function carryBody(
  { fields, target }: DraftDeployment,
  {
    params,
    placeOf,
    place,
    context,
  }: { params: JsonObject; placeOf: PlaceOf; place: Path; context: EntryContext },
): void {
  const { report } = context.job;
  const body: JsonObject = isObject(params["extra_body"]) ? { ...params["extra_body"] } : {};
  if (isObject(params["extra_body"]))
    report.carried(placeOf("extra_body"), [...place, "extra_body"]);
  const speaksChat =
    !("route" in target) && target.connection.preset.speaks.chat?.[0]?.dialect === "openai-chat";
  for (const [key, value] of Object.entries(params)) {
    if (!requestFields.has(key)) continue;
    if (!speaksChat) {
      report.left(placeOf(key), "write it into `extra_body` in this provider's own words");
      continue;
    }
    body[key] = value;
    report.adapted(
      placeOf(key),
      [...place, "extra_body", key],
      "goes over what a request says, where LiteLLM only fills in",
    );
  }
  if (Object.keys(body).length > 0) fields["extra_body"] = body;
}

function carryPrices(
  { connection }: Used,
  model: string,
  {
    entry,
    path,
    params,
    placeOf,
    job,
  }: { entry: JsonObject; path: Path; params: JsonObject; placeOf: PlaceOf; job: Job },
): void {
  const { report, source } = job;
  const info = isObject(entry["model_info"]) ? entry["model_info"] : {};
  const price: Record<string, string> = {};
  const said: { at: Path; field: string }[] = [];
  for (const [key, field] of Object.entries(priceFields)) {
    for (const [holder, at] of [
      [info, [...path, "model_info", key]],
      [params, placeOf(key)],
    ] as const) {
      const value = holder[key];
      if (value === undefined || value === null) continue;
      const amount = perMillion(source.spelling(at) ?? String(value));
      if (amount === undefined)
        report.left(at, "not a price with at most nine digits after the point by the million");
      else {
        price[field] = amount;
        said.push({ at, field });
      }
    }
  }
  if (said.length === 0) return;
  const place: Path = ["providers", connection.name, "prices", model];
  const known = connection.prices.get(model);
  for (const { at, field } of said) {
    if (price["input"] === undefined || price["output"] === undefined) {
      report.left(at, "a price needs both input and output");
    } else if (known && placeKey([JSON.stringify(known)]) !== placeKey([JSON.stringify(price)])) {
      report.left(at, "another entry gives this provider's model another price");
    } else report.adapted(at, [...place, field], "US dollars per million tokens");
  }
  if (price["input"] !== undefined && price["output"] !== undefined && !known) {
    connection.prices.set(model, price);
  }
}
