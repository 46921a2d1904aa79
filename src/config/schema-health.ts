// Health as users write it: when somebody rests, and how deployments are asked in the background whether they are well.
import { z } from "zod";
import type { HealthCheck } from "./config.ts";
import { field } from "./field.ts";
import { durationMs, flag, whole } from "./schema-values.ts";

export const defaultCheck: HealthCheck = {
  enabled: false,
  by: "auto",
  everyMs: 30_000,
  timeoutMs: 10_000,
  failures: 2,
};

const everyMs = durationMs.refine((ms) => ms >= 100, { error: "expected 100ms or more" });

const texts = {
  by: "What is sent. `models`: the provider's list of models, which costs nothing and shows that it can be reached and takes the key. `chat`: one short chat of which the fewest tokens are asked, which costs what they cost and shows that the model answers. `auto`: the list while the deployment is well, a chat while it rests, or where there is no list.",
  every:
    "How often each deployment is checked, give or take a tenth. One that a request has just shown to be well is passed over.",
  timeout: "How long a check may take.",
  failures:
    "Checks that must fail in a row before the deployment rests; the second one comes soon after the first. Refused credentials and rate limits count at once.",
} as const;

const general = { defaultText: "the general one" };

/** Of one provider or deployment. */
export const healthCheck = z
  .union([
    z.enum(["off"]),
    z.strictObject({
      model: field(
        z
          .string()
          .regex(/^[^\s\p{Cc}*]{1,200}$/u, "expected a model name, without spaces or `*`")
          .optional(),
        "The provider's model that is asked by `chat`, e.g. its cheapest.",
        "gpt-4o-mini",
        { defaultText: "the deployment's own" },
      ),
      by: field(z.enum(["auto", "models", "chat"]).optional(), texts.by, "chat", {
        defaultText: "`chat` where `model` is written, else the general one",
      }),
      every: field(everyMs.optional(), texts.every, "1m", general),
      timeout: field(durationMs.optional(), texts.timeout, "5s", general),
      failures: field(whole(1, 100).optional(), texts.failures, 3, general),
    }),
  ])
  .transform((value): Partial<HealthCheck> => {
    if (value === "off") return { enabled: false };
    const { model, every, timeout, failures } = value;
    const by = value.by ?? (model === undefined ? undefined : "chat");
    return {
      enabled: true,
      ...(model !== undefined && { model }),
      ...(by !== undefined && { by }),
      ...(every !== undefined && { everyMs: every }),
      ...(timeout !== undefined && { timeoutMs: timeout }),
      ...(failures !== undefined && { failures }),
    };
  })
  .optional();

export const healthCheckText =
  "How it is checked in the background, also where checks are off in general; `off` never checks it.";
export const healthCheckSample = { every: "1m", by: "chat" };
export const healthCheckDefault = { defaultText: "as `health.checks` says" };

const checks = z
  .strictObject({
    enabled: field(
      flag.default(defaultCheck.enabled),
      "Check every deployment of every route. What checks cost is on record under the key `(health check)`.",
      true,
    ),
    by: field(z.enum(["auto", "models", "chat"]).default(defaultCheck.by), texts.by, "models"),
    every: field(everyMs.default(defaultCheck.everyMs), texts.every, "1m", { defaultText: "30s" }),
    timeout: field(durationMs.default(defaultCheck.timeoutMs), texts.timeout, "5s", {
      defaultText: "10s",
    }),
    failures: field(whole(1, 100).default(defaultCheck.failures), texts.failures, 3),
  })
  .transform(({ enabled, by, every, timeout, failures }): HealthCheck => ({
    enabled,
    by,
    everyMs: every,
    timeoutMs: timeout,
    failures,
  }));

export const health = z.strictObject({
  enabled: field(
    flag.default(true),
    "Leave deployments and keys that fail alone for a while, then let one request find out whether they are back.",
    false,
  ),
  checks: field(
    checks.prefault({}),
    "Requests of the gateway's own that find out how deployments are, without a client's request.",
    { enabled: true, every: "1m" },
    { defaultText: "off" },
  ),
});

/** Ten minutes: providers keep prompt caches for five to sixty. */
const idleMs = 600_000;

export const affinity = z
  .strictObject({
    enabled: field(
      flag.default(true),
      "A conversation stays with the deployment that answered it before and holds its prompt cache. A request opts out with the header `x-megallm-affinity: off`.",
      false,
    ),
    idle: field(
      durationMs.default(idleMs),
      "A conversation that was silent for so long is forgotten.",
      "1h",
      { defaultText: "10m" },
    ),
  })
  .transform(({ enabled, idle }) => ({ enabled, idleMs: idle }));
