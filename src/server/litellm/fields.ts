// Fields that several of LiteLLM's requests share, and what becomes of those that are not carried.
import { z } from "zod";
import { GatewayError } from "../../ir/error.ts";
import { parse } from "../admin-v1/resource.ts";
import { nanosOf } from "./dollars.ts";
import type { Scene } from "./route.ts";

/** Dollars; an empty text means none, as in LiteLLM. */
const amount = z
  .union([z.number(), z.string().max(60)])
  .nullish()
  .transform((value, context) => {
    if (value === undefined) return undefined;
    if (value === null || value === "") return null;
    const nanos = nanosOf(String(value));
    if (nanos !== undefined) return nanos;
    context.addIssue({ code: "custom", message: "expected dollars of 0 or more, e.g. 12.5" });
    return z.NEVER;
  })
  .optional();
const count = z.int().min(0).max(1_000_000_000_000).nullish();
const counts = z.record(z.string().min(1).max(200), z.int().min(0)).nullish();
export const text = z.string().max(200).nullish();
export const texts = z.array(z.string().min(1).max(200)).max(1_000).nullish();
export const object = z.record(z.string().max(200), z.unknown()).nullish();
/** Of what is there already. */
export const reference = z.string().min(1).max(200);

/** Budgets and limits, the same for keys, teams, users, organizations and customers. */
export const ruleFields = {
  max_budget: amount,
  soft_budget: amount,
  budget_duration: z.string().max(20).nullish(),
  budget_id: text,
  tpm_limit: count,
  rpm_limit: count,
  max_parallel_requests: count,
  model_max_budget: z
    .record(
      z.string().min(1).max(200),
      z.union([
        amount,
        z.looseObject({
          max_budget: amount,
          budget_limit: amount,
          budget_duration: z.string().max(20).nullish(),
          time_period: z.string().max(20).nullish(),
        }),
      ]),
    )
    .nullish(),
  model_tpm_limit: counts,
  model_rpm_limit: counts,
};

export type RuleWish = { [Name in keyof typeof ruleFields]?: z.output<(typeof ruleFields)[Name]> };

/** A new place for what comes without a name. */
export const unnamed = /^unnamed_[0-9a-f]+$/;

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === "" ||
  value === false ||
  value === 0 ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** Reads the body; fields that the gateway does not have are told to the caller, not refused. @throws GatewayError */
export function read<Shape extends z.ZodRawShape>(
  scene: Scene,
  schema: z.ZodObject<Shape>,
): z.output<z.ZodObject<Shape>> {
  for (const [field, value] of Object.entries(scene.body)) {
    if (!Object.hasOwn(schema.shape, field) && !isEmpty(value)) {
      scene.warn(field.slice(0, 100), "not carried: the gateway has nothing of this kind");
    }
  }
  return parse(schema, scene.body);
}

/** Names in LiteLLM's lists of models; an empty list means all. */
const everything = new Set(["all-proxy-models", "all-team-models", "*"]);

/** Undefined: as it was. @example toModels([]) // → null, which is all */
export function toModels(
  models: readonly string[] | null | undefined,
): string[] | null | undefined {
  if (models === undefined) return undefined;
  if (models === null || models.length === 0 || models.some((name) => everything.has(name))) {
    return null;
  }
  return models.filter((name) => name !== "no-default-models");
}

/** As LiteLLM shows it: a list that lets nothing through has a name there. */
export const fromModels = (models: readonly string[] | null): readonly string[] =>
  models === null ? [] : models.length === 0 ? ["no-default-models"] : models;

/** Metadata and the tags in it, which requests are counted by. */
export function splitTags(
  metadata: Readonly<Record<string, unknown>> | null | undefined,
  tags: readonly string[] | null | undefined,
): { metadata?: Readonly<Record<string, unknown>>; tags?: readonly string[] } {
  const { tags: inner, ...rest } = metadata ?? {};
  const listed = Array.isArray(inner) ? inner.filter((tag) => typeof tag === "string") : undefined;
  const given = tags ?? listed;
  return {
    ...(metadata !== undefined && { metadata: rest }),
    ...(given !== undefined && { tags: given }),
  };
}

/** `{page, size}` of a list, and its part of all rows. @throws GatewayError */
export function pageOf(
  query: Readonly<Record<string, string>>,
  { sizeName, usual, most }: { sizeName: string; usual: number; most: number },
) {
  const number = (name: string, fallback: number, max: number): number => {
    const written = query[name];
    if (written === undefined) return fallback;
    const value = Number(written);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new GatewayError(
      "invalid_request",
      `\`${name}\` must be a whole number from 1 to ${max}.`,
      {
        param: name,
      },
    );
  };
  const page = number("page", 1, 1_000_000);
  const size = number(sizeName, usual, most);
  return {
    page,
    size,
    cut: <Row>(rows: readonly Row[]): readonly Row[] => rows.slice((page - 1) * size, page * size),
    pages: (rows: number): number => Math.ceil(rows / size),
  };
}

/** @throws GatewayError `invalid_request` */
export function required(query: Readonly<Record<string, string>>, name: string): string {
  const value = query[name];
  if (value) return value;
  throw new GatewayError("invalid_request", `The query parameter \`${name}\` is missing.`, {
    param: name,
  });
}

export const iso = (ms: number): string => new Date(ms).toISOString();
