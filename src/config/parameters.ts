// What is done to the parameters of a request on its way out: added, removed, passed on, or refused.
import { z } from "zod";
import type { Parameters } from "./config.ts";
import { field } from "./field.ts";
import { headerName, headerValue } from "./header.ts";

export const unsupported = z.enum(["warn", "error", "drop"]);

export const unsupportedText =
  "What becomes of parameters that the target does not take. `warn`: left out and told in `x-megallm-warnings`. `error`: the request is refused. `drop`: left out without a word. A request may say otherwise in the header `x-megallm-unsupported`.";

const name = z
  .string()
  .regex(/^[A-Za-z_][\w-]{0,99}$/, "expected the name of a field at the top of the body");

const path = z
  .string()
  .max(200)
  .regex(
    /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[\*?\])*$/,
    "expected a path such as `logprobs`, `metadata.team` or `tools[*].strict`",
  );

/** Said by the route, the client and the deployment's own model: not to be written over. */
const fixed = new Set(["model", "stream"]);

const body = z.record(z.string(), z.unknown()).superRefine((value, context) => {
  const wrong = Object.keys(value).find((key) => fixed.has(key));
  if (wrong !== undefined) {
    context.addIssue({
      code: "custom",
      path: [wrong],
      message: `\`${wrong}\` is not a parameter: the request and the route decide it`,
    });
  }
  if (!isJson(value)) context.addIssue({ code: "custom", message: "expected plain JSON values" });
});

function isJson(value: unknown): boolean {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  if (typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    (prototype === null || prototype === Object.prototype) && Object.values(value).every(isJson)
  );
}

/** On providers and deployments alike. */
export const parameterFields = {
  allow_params: field(
    z.array(name).optional(),
    "Fields of a request that are passed on although the target's protocol does not know them, where the request is translated.",
    ["top_k", "repetition_penalty"],
    { defaultText: "none" },
  ),
  drop_params: field(
    z.array(path).optional(),
    "Fields that are taken out of every request, as paths; `[*]` is every item of a list.",
    ["logprobs", "tools[*].strict"],
    { defaultText: "none" },
  ),
  extra_body: field(
    body.optional(),
    "Fields that are put into every request, over what is there.",
    { provider: { order: ["deepinfra"] } },
    { defaultText: "none" },
  ),
  extra_headers: field(
    z
      .record(headerName, field(headerValue, "The header's value.", "a", { secret: true }))
      .optional(),
    "Headers that are sent with every request, over what is there.",
    { "x-team": "a" },
    { defaultText: "none" },
  ),
};

type Written = {
  [K in keyof typeof parameterFields]?: z.output<(typeof parameterFields)[K]> | undefined;
} & { unsupported?: Parameters["unsupported"] | undefined };

/** As the gateway works with them: only what is written. */
export const readParameters = (written: Written): Partial<Parameters> => ({
  ...(written.unsupported !== undefined && { unsupported: written.unsupported }),
  ...(written.allow_params !== undefined && { allow: written.allow_params }),
  ...(written.drop_params !== undefined && { drop: written.drop_params }),
  ...(written.extra_body !== undefined && { extraBody: written.extra_body }),
  ...(written.extra_headers !== undefined && { extraHeaders: lowerNames(written.extra_headers) }),
});

export const lowerNames = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([header, value]) => [header.toLowerCase(), value]),
  );
