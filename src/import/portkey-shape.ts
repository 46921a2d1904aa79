// The shape of a Portkey config: its targets, how they are used, and which of its keys are left.
import { isObject, type Path } from "../lib/json.ts";
import { bothSpellings, type Fields, modelOf, readFields } from "./portkey-target.ts";

/** Whether a target somewhere leaves the model to the client. */
export function anyOpen(fields: Fields): boolean {
  const all = targetsOf(fields);
  const targets = modeOf(fields).mode === "single" ? all.slice(0, 1) : all;
  return targets.length === 0
    ? modelOf(fields).at === undefined
    : targets.some((target) => anyOpen(target));
}

/** The targets of a config; none when it is one itself. */
export function targetsOf(fields: Fields): Fields[] {
  const key = fields.values["targets"] === undefined ? "options" : "targets";
  const list = fields.values[key];
  return Array.isArray(list)
    ? list.flatMap((item: unknown, index) =>
        isObject(item) ? [readFields(item, [...fields.path, key, index])] : [],
      )
    : [];
}

const modes = ["single", "fallback", "loadbalance", "conditional"] as const;
type Mode = (typeof modes)[number];

/** How its targets are used, and where that is said. */
export function modeOf(fields: Fields): { mode: Mode; at: Path | undefined } {
  const strategy = fields.get("strategy");
  const written = isObject(strategy) ? strategy["mode"] : fields.get("mode");
  const mode = modes.find((each) => each === written) ?? "single";
  const at = isObject(strategy)
    ? [...fields.at("strategy"), "mode"]
    : fields.get("mode") === undefined
      ? undefined
      : fields.at("mode");
  return { mode, at };
}

export const hasNested = (targets: readonly Fields[]): boolean =>
  targets.some((target) => targetsOf(target).length > 0);

const guard = "guardrails have no section here";
const notHere = "there is no equal of it here";
export const reasons = bothSpellings({
  cache: "write `cache: { ttl: 1h }` at the route",
  before_request_hooks: guard,
  after_request_hooks: guard,
  input_guardrails: guard,
  output_guardrails: guard,
  default_input_guardrails: guard,
  default_output_guardrails: guard,
  forward_headers: "a client's headers are not sent on; write `extra_headers`",
  metadata: "each request brings its own",
  strict_open_ai_compliance: "answers hold everything that the client's protocol can say",
  retry: "write `retry` at the route",
  weight: "there is no other target to share with",
  name: "deployments are named by what they are",
  index: "deployments are named by what they are",
  request_timeout: "expected milliseconds",
  aws_role_arn: "the machine's own chain assumes roles",
  aws_external_id: "the machine's own chain assumes roles",
  aws_auth_type: "which credentials are used follows from those that are there",
  aws_s3_bucket: "files go to the provider that is asked",
  azure_auth_mode: "which credentials are used follows from those that are there",
  azure_managed_client_id: "write `entra: { client_id: … }` at the provider",
  vertex_storage_bucket_name: "files go to the provider that is asked",
  model_pricing_config: "write `prices` at the provider",
  api_key: "this provider takes no key",
  override_params: notHere,
});

export const strategyReasons = bothSpellings({
  on_status_codes: "what is worth another try follows from the kind of failure",
  conditions: "requests are not sorted by what they say",
  default: "requests are not sorted by what they say",
  cb_config: "how long a failing deployment rests follows from its failures",
});
