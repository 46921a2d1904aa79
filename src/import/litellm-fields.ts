// What an entry of LiteLLM's `model_list` says of its requests: deadlines, limits, parameters, headers.
import { isObject, type JsonObject, type Path } from "../lib/json.ts";
import type { DraftDeployment } from "./draft.ts";
import { type Job, speaksOpenAi } from "./importer.ts";
import { requestFields } from "./litellm-keys.ts";
import type { EntryContext } from "./litellm-model.ts";
import type { PlaceOf } from "./litellm-upstream.ts";
import { bodyFields, isBodyField, isHeader, splitParams } from "./safe.ts";
import { readOsEnviron, type Text } from "./text.ts";
import { flagOf, scalarText, secondsText, textList, wholeNumber } from "./values.ts";

/** Carries everything that belongs to the deployment itself. */
export function carryFields(
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
  const carryList = (key: string, field: "allow_params" | "drop_params"): void => {
    const written = textList(params[key]);
    const { good, bad } = splitParams(field, written);
    if (good.length > 0) fields[field] = good;
    for (const [index, name] of written.entries()) {
      const path = Array.isArray(params[key]) ? [...placeOf(key), index] : placeOf(key);
      if (bad.includes(name)) report.left(path, "not the name or path of a parameter");
      else report.carried(path, [...place, field, good.indexOf(name)]);
    }
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
    carryList("additional_drop_params", "drop_params");
  }
  if (params["allowed_openai_params"] !== undefined) {
    carryList("allowed_openai_params", "allow_params");
  }
  const headers = ["extra_headers", "headers"].find((key) => isObject(params[key]));
  if (headers !== undefined) {
    const texts = headerTexts(params[headers], placeOf(headers), context.job);
    if (Object.keys(texts).length > 0) fields["extra_headers"] = texts;
    for (const name of Object.keys(texts)) {
      report.carried([...placeOf(headers), name], [...place, "extra_headers", name]);
    }
  }
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

/** Those that can be sent; of the others it is said that they are left. */
function headerTexts(value: unknown, path: Path, { variables, report }: Job): Record<string, Text> {
  const texts: Record<string, Text> = {};
  for (const [name, written] of Object.entries(isObject(value) ? value : {})) {
    const text = readOsEnviron(scalarText(written) ?? "");
    const at = [...path, name];
    if (!isHeader(name, text)) report.left(at, "not a header that can be set");
    else if (/auth|key|token|secret|cookie/i.test(name)) {
      texts[name] = variables.secret(text, `header_${name}`, at);
    } else texts[name] = text;
  }
  return texts;
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
  const body = bodyFields(params["extra_body"]);
  for (const name of Object.keys(isObject(params["extra_body"]) ? params["extra_body"] : {})) {
    const at = [...placeOf("extra_body"), name];
    if (Object.hasOwn(body, name)) report.carried(at, [...place, "extra_body", name]);
    else report.left(at, "not a parameter: the request and the route decide it");
  }
  const speaksChat = "connection" in target && speaksOpenAi(target.connection.preset, context.job);
  for (const [key, value] of Object.entries(params)) {
    if (!requestFields.has(key) || value === null || !isBodyField(key, value)) continue;
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
