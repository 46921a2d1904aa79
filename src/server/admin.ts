// The admin plane: status, usage, reload. Always behind the admin key.
import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import { z } from "zod";
import { presentedKey } from "../access/authenticate.ts";
import { GatewayError } from "../ir/error.ts";
import { stringify } from "../lib/json.ts";
import type { CallerDirectory } from "../access/directory.ts";
import type { Secret } from "../lib/secret.ts";
import { now } from "../lib/clock.ts";
import type { ExplainCall, Explanation } from "../pipeline/explain.ts";
import { readBody } from "../pipeline/inbound.ts";
import { defaultPacing } from "../pipeline/services.ts";
import type { Control } from "./admin-v1/control.ts";
import { createExperiments, type ExperimentsDependencies } from "./experiments.ts";
import { maxExplainBytes, readExplainCall } from "./explain.ts";
import { readQuery } from "./query.ts";

export interface AdminDependencies extends ExperimentsDependencies {
  key(): Secret;
  /** Who virtual keys belong to. */
  callers: CallerDirectory;
  /** Facts for `GET /admin/status`: plain JSON without secrets. */
  status(): Promise<object>;
  /** Who rests, and why: plain JSON. */
  health(): object;
  /** What would become of a request; nothing is sent. */
  explain(call: ExplainCall): Promise<Explanation>;
  /** What `/admin/v1` asks besides. */
  control: Control;
  /** Reads the configuration again. Resolves with the problems that made it refuse, empty when it took over. */
  reload(): Promise<{ applied: boolean; problems: string[] }>;
}

const usageQuery = z.strictObject({
  by: z
    .enum(["model", "provider", "day", "key", "route", "status", "organization", "team", "user"])
    .default("model"),
  since_ms: z.coerce.number().int().nonnegative().optional(),
  until_ms: z.coerce.number().int().nonnegative().optional(),
});

const requestsQuery = z.strictObject({
  since_ms: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: z.string().max(200).optional(),
});

export function createAdmin(dependencies: AdminDependencies): Hono {
  const { store } = dependencies;
  const admin = new Hono();

  admin.use("*", async (context, next) => {
    authenticateAdmin(context.req.raw.headers, dependencies.key());
    await next();
  });
  admin.get("/health", (context) => context.json(dependencies.health()));
  admin.get("/status", async (context) => context.json(await dependencies.status()));
  admin.get("/usage", async (context) => {
    const query = readQuery(usageQuery, context.req.query());
    const groups = await store.usage({
      by: query.by,
      sinceMs: query.since_ms,
      untilMs: query.until_ms,
    });
    return context.json({ now_ms: now(), groups: plain(groups) } as object);
  });
  admin.get("/requests", async (context) => {
    const query = readQuery(requestsQuery, context.req.query());
    const page = await store.requests({
      sinceMs: query.since_ms,
      limit: query.limit,
      cursor: query.cursor,
    });
    return context.json(plain(page) as object);
  });
  admin.get("/requests/:id", async (context) => {
    const found = await store.request(context.req.param("id"));
    if (!found) throw new GatewayError("not_found", "No request with this id is on record.");
    return context.json(plain(found) as object);
  });
  admin.get("/requests/:id/bodies", async (context) => {
    const bodies = await store.bodies.get(context.req.param("id"));
    return context.json({ bodies: bodies.map(({ requestId: _id, ...body }) => body) });
  });
  admin.post("/explain", async (context) => {
    const limits = { maxBytes: maxExplainBytes, patienceMs: defaultPacing.bodyMs };
    const call = readExplainCall(await readBody(context.req.raw, limits));
    const explanation = stringify(await dependencies.explain(call));
    return context.body(explanation, 200, { "content-type": "application/json" });
  });
  admin.route("/", createExperiments(dependencies));
  admin.post("/reload", async (context) => {
    const result = await dependencies.reload();
    return context.json(result, result.applied ? 200 : 422);
  });
  return admin;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** @throws GatewayError `unauthenticated` */
export function authenticateAdmin(headers: Headers, key: Secret): void {
  const presented = presentedKey(headers);
  if (presented === null || !timingSafeEqual(digest(presented), digest(key.reveal()))) {
    throw new GatewayError(
      "unauthenticated",
      "The admin API needs the admin key as `Authorization: Bearer <key>`; the gateway prints where it keeps it when it starts.",
    );
  }
}

/** Nano-dollars are bigints, which JSON has not; they leave as decimal strings. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_key, item: unknown) =>
      typeof item === "bigint" ? item.toString() : item,
    ),
  );
