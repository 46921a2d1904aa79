// From a plain value to one that passed the schema, and from the schema's issues to findings people understand.
import type { z } from "zod";
import type { JsonObject, Path } from "../lib/json.ts";
import { isObject } from "../lib/json.ts";
import { copyPlain, placeKey } from "./document.ts";
import type { SchemaNode } from "./json-schema.ts";
import { fieldsAt, nodesAt } from "./json-schema.ts";
import { didYouMean, formatPath, quoted } from "./problems.ts";
import type { ConfigSchema, ParsedConfig } from "./schema.ts";

/** Something wrong at a path, before it has a line and column. */
export interface Finding {
  path: Path;
  /** What to point at. */
  at: "key" | "value";
  message: string;
  hint?: string;
  /** The key itself is wrong, whatever its value. */
  unknownKey?: true;
}

export interface Checked {
  /** What is left when everything wrong is taken out; undefined when that is not a configuration either. */
  parsed?: ParsedConfig;
  findings: Finding[];
}

/** A schema that reads one configuration is not worth being compiled first. */
export const parsedOnce = { jitless: true } as const;

/**
 * @param written the value before anything was interpolated: only this is ever shown.
 * @param skip places ({@link placeKey}) whose values are known to be missing or wrong already.
 */
export function check(
  value: unknown,
  written: unknown,
  schema: ConfigSchema,
  tree: () => SchemaNode,
  skip: ReadonlySet<string>,
): Checked {
  const first = schema.safeParse(value, parsedOnce);
  if (first.success && skip.size === 0) return { parsed: first.data, findings: [] };
  const findings = first.success ? [] : findingsOf(first.error.issues, value, written, tree);
  const kept = findings.filter(
    (finding) => finding.unknownKey || !skip.has(placeKey(finding.path)),
  );
  let rest = value;
  let wrong = [
    ...findings.map(({ path }) => path),
    ...[...skip].map((key) => JSON.parse(key) as Path),
  ];
  // Each round may uncover what a wrong value hid: a map that misses a field once the wrong one is gone.
  for (let round = 0; round < 8; round += 1) {
    rest = without(rest, wrong);
    const again = schema.safeParse(rest, parsedOnce);
    if (again.success) return { parsed: again.data, findings: kept };
    wrong = findingsOf(again.error.issues, rest, undefined, tree).map(({ path }) => path);
  }
  return { findings: kept };
}

/** A copy without what stands at the paths; where nothing does (a missing field), without the map around it. */
function without(value: unknown, paths: readonly Path[]): unknown {
  const copy = copyPlain(value);
  for (const path of paths) {
    const exists = valueAt(copy, path) !== undefined;
    let end = exists ? path.length : path.length - 1;
    // A removed item would shift the others under the paths of other findings, so a list goes as a whole.
    while (end > 0 && typeof path[end - 1] === "number") end -= 1;
    const key = path[end - 1];
    if (key === undefined) return {};
    const parent = valueAt(copy, path.slice(0, end - 1));
    if (isObject(parent)) delete parent[key];
  }
  return copy;
}

type Issue = z.core.$ZodIssue;

function findingsOf(
  issues: readonly Issue[],
  root: unknown,
  written: unknown,
  tree: () => SchemaNode,
): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const add = (finding: Finding): void => {
    const key = placeKey(finding.path);
    if (seen.has(key)) return;
    seen.add(key);
    findings.push(finding);
  };
  for (const issue of issues) explain(issue, [], { root, written, tree, add });
  return findings;
}

interface Explanation {
  root: unknown;
  written: unknown;
  tree: () => SchemaNode;
  add(finding: Finding): void;
}

function explain(issue: Issue, base: Path, explanation: Explanation): void {
  const { root, add } = explanation;
  const tree = explanation.tree();
  const path = [...base, ...(issue.path as (string | number)[])];
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = fieldsAt(tree, path);
      for (const key of issue.keys) {
        const place = path.length === 0 ? "" : ` in ${formatPath(path)}`;
        const near = didYouMean(key, known);
        const hint =
          near ??
          (known.length > 0
            ? `known here: ${known.filter((name) => name !== "$schema").join(", ")}`
            : undefined);
        add({
          path: [...path, key],
          at: "key",
          message: `unknown key ${quoted(key)}${place}`,
          unknownKey: true,
          ...(hint === undefined ? {} : { hint }),
        });
      }
      return;
    }
    case "invalid_union": {
      const branch = pickBranch(issue.errors);
      if (branch !== undefined) {
        for (const inner of branch) explain(inner, path, explanation);
        return;
      }
      const custom = issue.errors.flat().find((inner) => isOwn(inner.message));
      if (custom !== undefined) return add({ path, at: "value", message: custom.message });
      const kinds = issue.errors.flat().map((inner) => expectation(inner));
      return add(wrongType(path, root, [...new Set(kinds)].join(" or ")));
    }
    case "invalid_key":
      return add({
        path,
        at: "key",
        message: `the name ${quoted(String(path.at(-1)))} cannot be used: ${issue.issues[0]?.message ?? "not valid"}`,
      });
    case "invalid_type":
      if (valueAt(root, path) === undefined || !isOwn(issue.message)) {
        return add(wrongType(path, root, expectation(issue)));
      }
      break;
    case "invalid_value": {
      const values = issue.values.map(String);
      const given = valueAt(explanation.written, path);
      const shown =
        typeof given === "string" &&
        given === valueAt(root, path) &&
        nodesAt(tree, path).every((node) => node.secret !== true)
          ? `, got ${quoted(given)}`
          : "";
      const near = typeof given === "string" ? didYouMean(given, values) : undefined;
      return add({
        path,
        at: "value",
        message: `expected ${values.map((text) => `\`${text}\``).join(", ")}${shown}`,
        ...(near === undefined ? {} : { hint: near }),
      });
    }
    case "too_small":
    case "too_big":
      if (!isOwn(issue.message)) {
        const bound =
          issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
        const unit = issue.origin === "string" ? " characters" : "";
        return add({ path, at: "value", message: `must be ${bound}${unit}` });
      }
      break;
    default:
  }
  add({ path, at: "value", message: issue.message });
}

/** The alternative that the user meant: the one whose kind of value is right. */
function pickBranch(branches: readonly Issue[][]): Issue[] | undefined {
  const meant = branches.filter(
    (branch) => !branch.some((issue) => issue.code === "invalid_type" && issue.path.length === 0),
  );
  return meant.toSorted((left, right) => left.length - right.length)[0];
}

/** Ours begin in lower case, the library's with a capital. */
const isOwn = (message: string): boolean => /^[^A-Z]/.test(message);

function expectation(issue: Issue): string {
  if (issue.code !== "invalid_type") return "another value";
  switch (issue.expected) {
    case "object":
    case "record":
      return "a map";
    case "array":
      return "a list";
    case "string":
      return "a string";
    case "boolean":
      return "true or false";
    default:
      return "a number";
  }
}

function wrongType(path: Path, root: unknown, expected: string): Finding {
  const given = valueAt(root, path);
  if (given === undefined) {
    const parent = formatPath(path.slice(0, -1));
    return {
      path,
      at: "key",
      message: `\`${String(path.at(-1))}\` is missing${parent === "" ? "" : ` in ${parent}`}`,
    };
  }
  const quotes =
    expected === "a string" && (typeof given === "number" || typeof given === "boolean")
      ? { hint: "put it in quotes" }
      : {};
  return { path, at: "value", message: `expected ${expected}, got ${kindOf(given)}`, ...quotes };
}

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "a map";
  if (typeof value === "boolean") return "true or false";
  return typeof value === "string" ? "a string" : `a ${typeof value}`;
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step))
      return undefined;
    value = (value as JsonObject)[step];
  }
  return value;
}
