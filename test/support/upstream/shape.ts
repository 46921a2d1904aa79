// Request shapes as zod schemas, and what is wrong with a value as data that each vendor words in its own way.
import { z } from "zod";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";

export type Path = readonly (string | number)[];

/** One fault of a value. `path` leads to it; `value` is what stands there. */
export type Problem = { path: Path; value: unknown } & (
  | { kind: "missing" }
  | { kind: "extra"; key: string }
  | { kind: "type"; expected: string }
  | { kind: "choice"; choices: unknown[] }
  /** The tag that tells the members of a union apart is unknown. */
  | { kind: "tag"; tag: unknown; tagName: string; choices: string[] }
  | { kind: "small" | "big"; of: string; limit: number }
  | { kind: "pattern"; pattern: string }
  | { kind: "custom"; message: string }
);

/** All faults of `value`, in the order of the schema. */
export function findProblems(schema: z.ZodType, value: unknown): Problem[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => toProblems(issue, value, []));
}

/**
 * A union told apart by the text under `tagName`.
 * `fallback` is the member for objects that have no tag.
 */
export function tagged(
  members: Readonly<Record<string, z.ZodType>>,
  { tagName = "type", fallback }: { tagName?: string; fallback?: string } = {},
): z.ZodType {
  const faultsOf = (value: unknown): z.core.$ZodRawIssue[] => {
    if (value === undefined) return [own(value, { kind: "missing" })];
    if (!isObject(value)) return [own(value, { kind: "type", expected: "object" })];
    const tag = value[tagName] ?? fallback;
    if (tag === undefined) return [own(value, { kind: "missing" }, [tagName])];
    const member =
      typeof tag === "string" && Object.hasOwn(members, tag) ? members[tag] : undefined;
    if (member === undefined) {
      return [own(value, { kind: "tag", tag, tagName, choices: Object.keys(members) })];
    }
    const result = member.safeParse(value);
    return (result.error?.issues ?? []).map(
      (issue) =>
        Object.assign({}, issue, {
          path: Array.from(issue.path),
          input: value,
        }) as z.core.$ZodRawIssue,
    );
  };
  return z.unknown().check((payload) => {
    payload.issues.push(...faultsOf(payload.value));
  });
}

/** A text, or a list of `item`. */
export const textOr = (item: z.ZodType): z.ZodType => z.union([z.string(), z.array(item)]);

type Fault = Problem extends infer One
  ? One extends unknown
    ? Omit<One, "path" | "value">
    : never
  : never;

function own(value: unknown, fault: Fault, path: (string | number)[] = []): z.core.$ZodRawIssue {
  return { code: "custom", input: value, path, params: { fault }, message: "" };
}

function toProblems(issue: z.core.$ZodIssue, root: unknown, prefix: Path): Problem[] {
  const path: Path = [
    ...prefix,
    ...issue.path.map((step) => (typeof step === "symbol" ? "" : step)),
  ];
  const value = valueAt(root, path);
  switch (issue.code) {
    case "invalid_type":
      return [
        value === undefined
          ? { path, value, kind: "missing" }
          : { path, value, kind: "type", expected: issue.expected },
      ];
    case "unrecognized_keys":
      return issue.keys.map((key) => ({ path: [...path, key], value, kind: "extra", key }));
    case "invalid_value":
      return [
        value === undefined
          ? { path, value, kind: "missing" }
          : { path, value, kind: "choice", choices: [...issue.values] },
      ];
    case "too_small":
      return [{ path, value, kind: "small", of: issue.origin, limit: Number(issue.minimum) }];
    case "too_big":
      return [{ path, value, kind: "big", of: issue.origin, limit: Number(issue.maximum) }];
    case "invalid_format":
      return [
        { path, value, kind: "pattern", pattern: (issue.pattern ?? "").replace(/^\/|\/$/g, "") },
      ];
    case "invalid_union":
      return fromUnion(issue, root, path);
    case "custom": {
      const fault = issue.params?.["fault"] as Fault | undefined;
      return [
        fault ? { path, value, ...fault } : { path, value, kind: "custom", message: issue.message },
      ];
    }
    default:
      return [{ path, value, kind: "custom", message: issue.message }];
  }
}

/** The branch that got furthest speaks; when none got anywhere, the types that were allowed. */
function fromUnion(issue: z.core.$ZodIssueInvalidUnion, root: unknown, path: Path): Problem[] {
  const value = valueAt(root, path);
  if (value === undefined) return [{ path, value, kind: "missing" }];
  const branches = issue.errors.map((issues) =>
    issues.flatMap((one) => toProblems(one, root, path)),
  );
  const inside = branches.find((problems) =>
    problems.some(
      (one) => one.path.length > path.length || (one.kind !== "type" && one.kind !== "choice"),
    ),
  );
  if (inside !== undefined) return inside;
  const choices = branches.flat().flatMap((one) => (one.kind === "choice" ? one.choices : []));
  if (choices.length > 0 && typeof value === "string")
    return [{ path, value, kind: "choice", choices }];
  const expected = branches
    .flat()
    .flatMap((one) => (one.kind === "type" ? [one.expected] : ["string"]));
  return [{ path, value, kind: "type", expected: [...new Set(expected)].join(" or ") }];
}

export function valueAt(root: unknown, path: Path): unknown {
  let at = root;
  for (const step of path) {
    if (Array.isArray(at)) at = at[Number(step)];
    else if (isObject(at)) at = Object.hasOwn(at, step) ? at[step] : undefined;
    else return undefined;
  }
  return at;
}

/** The objects of a list; empty when it is none. */
export const objects = (value: unknown): JsonObject[] =>
  Array.isArray(value) ? value.filter((one) => isObject(one)) : [];

export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;

/** What was sent as a complaint repeats it: JSON's objects have no text of their own (`{"toString":1}`). */
export const echoed = (value: unknown): string =>
  typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
