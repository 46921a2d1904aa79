// Portkey's configs: strategies over targets, nested as they like.
import { isObject, type Path } from "../lib/json.ts";
import { slug } from "./address.ts";
import { type DraftDeployment, type DraftRoute, routeName } from "./draft.ts";
import { ImportError } from "./failure.ts";
import type { Importer, Job } from "./importer.ts";
import { explainAround, findConfigs, type Found } from "./portkey-find.ts";
import {
  anyOpen,
  hasNested,
  modeOf,
  reasons,
  strategyReasons,
  targetsOf,
} from "./portkey-shape.ts";
import { bothSpellings, type Fields, importTarget, readFields } from "./portkey-target.ts";
import { readShell } from "./text.ts";
import { millisecondsText, wholeNumber } from "./values.ts";

export const portkey: Importer = {
  title: "Portkey's config",
  format: "json",
  readText: readShell,
  run(job) {
    const found = findConfigs(job.source.root, []);
    if (found.length === 0) {
      throw new ImportError(
        "There are no `targets` and no `provider` in this file: is it a Portkey config?",
      );
    }
    for (const [index, each] of found.entries())
      importConfig(each, { isOnly: found.length === 1, index, job });
    explainAround(job.source.root, [], found, job);
  },
};

interface Context {
  isOnly: boolean;
  index: number;
  job: Job;
}

/** A route being made. */
interface Building {
  name: string;
  job: Job;
  route: DraftRoute;
  /** Some target takes whatever model the client names. */
  isOpen: boolean;
}

function importConfig(
  { values, path, name, namePath }: Found,
  { isOnly, index, job }: Context,
): void {
  const { report, draft } = job;
  const fields = readFields(values, path);
  const isOpen = anyOpen(fields);
  const word = routeName(name ?? `config-${index + 1}`).replaceAll("*", "-");
  // The only config is for every request; one of several is asked for by its name.
  const route = isOnly ? "*" : isOpen ? `${word}/*` : word;
  const building: Building = {
    name: route,
    job,
    route: { deployments: [], fallbacks: {}, fields: {} },
    isOpen,
  };
  draft.routes.set(route, building.route);
  fill(fields, building);
  carryRetry(fields, building);
  carryTimeout(fields, building);
  for (const each of draft.routes.values()) dropZeroWeights(each);
  report.explain(path, values, reasons);
  report.anchor(path, ["models", route]);
  if (building.route.deployments.length === 0) {
    draft.routes.delete(route);
    report.left(path, "none of its targets can be carried over");
    if (namePath) report.left(namePath, "none of its targets can be carried over");
    return;
  }
  if (namePath)
    report.adapted(
      namePath,
      ["models", route],
      isOnly ? "the route takes every request, as the config did" : "clients ask for it by name",
    );
}

/** Shares that are all nothing say nothing. */
function dropZeroWeights({ deployments }: DraftRoute): void {
  if (!deployments.every(({ fields }) => fields["weight"] === 0)) return;
  for (const { fields } of deployments) delete fields["weight"];
}

/** Puts the targets of a config, or of a nested one, into a route. */
function fill(fields: Fields, building: Building): void {
  const { job, route, name } = building;
  const targets = targetsOf(fields);
  if (targets.length === 0) {
    addLeaf(fields, building, {});
    return;
  }
  const { mode, at } = modeOf(fields);
  const place: Path = ["models", name];
  switch (mode) {
    case "single": {
      const [first, ...others] = targets;
      if (first) fill(first, building);
      for (const other of others)
        job.report.left(other.path, "`single` asks the first target only");
      if (at) job.report.carried(at, place);
      break;
    }
    case "fallback":
      addAll(targets, building, (_, index) => (hasNested(targets) ? { order: index } : {}));
      if (hasNested(targets)) route.policy = "weighted";
      else route.policy = "first";
      if (at) job.report.carried(at, [...place, "policy"]);
      break;
    case "loadbalance":
      route.policy = "weighted";
      addAll(targets, building, (target) => weightOf(target, building));
      if (at) job.report.carried(at, [...place, "policy"]);
      break;
    case "conditional":
      addConditional(fields, targets, building);
      if (at)
        job.report.adapted(
          at,
          place,
          "the default target answers; clients ask for the others by name",
        );
      break;
    default:
      mode satisfies never;
  }
  const strategy = fields.get("strategy");
  job.report.explain(fields.at("strategy"), strategy, strategyReasons);
}

function weightOf(target: Fields, { job, name, route }: Building): Record<string, unknown> {
  const weight = target.get("weight");
  if (typeof weight !== "number" || weight < 0 || weight > 1e9) return {};
  job.report.carried(target.at("weight"), [
    "models",
    name,
    "deployments",
    route.deployments.length,
    "weight",
  ]);
  return { weight };
}

function addAll(
  targets: readonly Fields[],
  building: Building,
  fieldsOf: (target: Fields, index: number) => Record<string, unknown>,
): void {
  for (const [index, target] of targets.entries()) {
    const extra = fieldsOf(target, index);
    if (targetsOf(target).length === 0) addLeaf(target, building, extra);
    else addNested(target, building, { extra, index });
  }
}

function addLeaf(
  target: Fields,
  { job, route, name, isOpen }: Building,
  extra: Record<string, unknown>,
): void {
  const index = route.deployments.length;
  const deployment = importTarget(target, () => ["models", name, "deployments", index], job);
  if (!deployment) return;
  Object.assign(deployment.fields, extra);
  route.deployments.push(deployment);
  job.report.anchor(target.path, ["models", name, "deployments", index]);
  carryRetry(target, { job, route, name, isOpen });
  job.report.explain(target.path, target.values, reasons);
}

interface Nested {
  /** What the deployments that come of it have: a rank, a weight. */
  extra: Record<string, unknown>;
  index: number;
}

/** A nested config as a route of its own; where the client names the model, its targets take its place. */
function addNested(target: Fields, building: Building, nested: Nested): void {
  if (!anyOpen(target)) {
    addGroup(target, building, nested);
    return;
  }
  const { job, route, name } = building;
  const first = route.deployments.length;
  const isShared = modeOf(target).mode === "loadbalance";
  const inner = targetsOf(target);
  // A rank of the route holds shares; a share of it holds no ranks.
  const kept = isShared && "order" in nested.extra ? inner : inner.slice(0, 1);
  for (const each of inner) {
    if (!kept.includes(each) || targetsOf(each).length > 0) {
      job.report.left(
        each.path,
        "nested targets must name their models to be a group of their own",
      );
    } else
      addLeaf(each, building, { ...nested.extra, ...(isShared ? weightOf(each, building) : {}) });
  }
  job.report.adapted(
    [...target.path, "strategy"],
    ["models", name, "deployments", first],
    "its targets stand in its place",
  );
  job.report.explain(target.path, target.values, reasons);
}

function addGroup(target: Fields, { job, route, name }: Building, { extra, index }: Nested): void {
  const { draft, report } = job;
  const told = target.get("name");
  const base = name === "*" ? "config" : name.replaceAll("*", "").replace(/\/$/, "");
  const group = uniqueName(`${base}-${typeof told === "string" ? slug(told) : index + 1}`, job);
  const inner: Building = {
    name: group,
    job,
    route: { deployments: [], fallbacks: {}, fields: {} },
    isOpen: false,
  };
  draft.routes.set(group, inner.route);
  fill(target, inner);
  carryRetry(target, inner);
  carryTimeout(target, inner);
  if (typeof told === "string")
    report.adapted(target.at("name"), ["models", group], "a route of its own");
  report.explain(target.path, target.values, reasons);
  report.anchor(target.path, ["models", group]);
  if (inner.route.deployments.length === 0) {
    draft.routes.delete(group);
    return;
  }
  const deployment: DraftDeployment = { target: { route: group }, fields: extra };
  route.deployments.push(deployment);
}

/** The default answers; what conditions lead to can be asked for by name. */
function addConditional(fields: Fields, targets: readonly Fields[], building: Building): void {
  const { job } = building;
  const strategy = fields.get("strategy");
  const wanted = isObject(strategy) ? strategy["default"] : undefined;
  const main = targets.find((target) => target.get("name") === wanted) ?? targets[0];
  for (const [index, target] of targets.entries()) {
    if (target === main) {
      if (targetsOf(target).length === 0) addLeaf(target, building, {});
      else addNested(target, building, { extra: {}, index });
      if (typeof wanted === "string")
        job.report.carried([...fields.at("strategy"), "default"], ["models", building.name]);
      continue;
    }
    const told = target.get("name");
    const base =
      building.name === "*" ? "" : `${building.name.replaceAll("*", "").replace(/\/$/, "")}-`;
    const word = `${base}${typeof told === "string" ? slug(told) : index + 1}`;
    const name = uniqueName(anyOpen(target) ? `${word}/*` : word, job);
    const other: Building = {
      name,
      job,
      route: { deployments: [], fallbacks: {}, fields: {} },
      isOpen: anyOpen(target),
    };
    job.draft.routes.set(name, other.route);
    fill(target, other);
    job.report.explain(target.path, target.values, reasons);
    if (other.route.deployments.length === 0) job.draft.routes.delete(name);
    else if (typeof told === "string")
      job.report.adapted(target.at("name"), ["models", name], "clients ask for it by name");
  }
}

function uniqueName(name: string, { draft }: Job): string {
  let free = name;
  for (let count = 2; draft.routes.has(free); count += 1)
    free = name.endsWith("/*") ? name.replace("/*", `-${count}/*`) : `${name}-${count}`;
  return free;
}

function carryRetry(fields: Fields, { job, route, name }: Building): void {
  const retry = fields.get("retry");
  if (!isObject(retry)) return;
  const inner = readFields(retry, fields.at("retry"));
  const attempts = wholeNumber(inner.get("attempts"), 0, 10);
  if (attempts !== undefined) {
    const before = route.fields["retry"] as { retries: number } | undefined;
    route.fields["retry"] = { retries: Math.max(attempts, before?.retries ?? 0) };
    job.report.adapted(
      inner.at("attempts"),
      ["models", name, "retry", "retries"],
      "of the whole route; other deployments are tried first",
    );
  }
  job.report.explain(
    inner.path,
    retry,
    bothSpellings({
      attempts: "expected a number from 0 to 10",
      on_status_codes: "what is worth another try follows from the kind of failure",
      use_retry_after_header: "`retry-after` is always obeyed",
      use_retry_after_headers: "`retry-after` is always obeyed",
    }),
  );
}

function carryTimeout(fields: Fields, { job, route, name }: Building): void {
  if (targetsOf(fields).length === 0) return;
  const text = millisecondsText(fields.get("request_timeout"));
  if (text === undefined) return;
  route.fields["timeouts"] = { total: text };
  job.report.adapted(
    fields.at("request_timeout"),
    ["models", name, "timeouts", "total"],
    "the whole of one attempt; streams count until they are over",
  );
}
