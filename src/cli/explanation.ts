// An explanation as people read it: what the name stands for, a line for each candidate, the request for the first.
import { bold, dim } from "../lib/color.ts";
import { scan, scanArray } from "../lib/json.ts";
import { indentJson } from "../lib/json-indent.ts";
import type {
  ExplainedBudget,
  ExplainedHold,
  ExplainedLimit,
} from "../pipeline/explain-admission.ts";
import type { ExplainedCandidate } from "../pipeline/explain-candidate.ts";
import { formatDuration } from "../config/quantity.ts";
import type { ExplainedCache as Cache } from "../pipeline/explain-cache.ts";
import type { ExplainedHedge as Hedge } from "../pipeline/explain-hedge.ts";
import type { Explanation } from "../pipeline/explain.ts";
import { harmless } from "./output.ts";
import { groupDigits, renderTable } from "./table.ts";

/** Texts that no terminal has room for, such as images. */
const maxText = 1_000;

/** @param json the explanation's own text, in which bodies stand as they would leave */
export function renderExplanation(explanation: Explanation, json: string): string {
  const { candidates, error } = explanation;
  return [
    head(explanation),
    ...(candidates.length > 0 ? [table(candidates), asides(candidates), budgets(candidates)] : []),
    excluded(explanation),
    error
      ? `${bold("refused")}\n${harmless(`${error.status} ${error.code}: ${error.message}`)}`
      : "",
    error ? "" : request(explanation, json),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function head({
  dialect,
  operation,
  model,
  stream,
  key,
  resolved,
  policies,
  ...rest
}: Explanation) {
  const { cache, difficulty, experiment, guardrails, hedge, limits, notes } = rest;
  const asked = [
    `${operation} (${dialect}${stream ? ", streamed" : ""})`,
    ...(model === null ? [] : [`for \`${model}\``]),
    ...(key === null ? [] : [`by the key \`${key}\``]),
  ].join(" ");
  const shares = difficulty?.parts
    .slice(0, 5)
    .map(({ feature, share }) => `${feature} ${(share * 100).toFixed(0)} %`)
    .join(", ");
  const lines = [
    asked,
    ...resolved.map(({ name, as, to }) =>
      name === to ? `\`${name}\` is a ${as}` : `\`${name}\` is a ${as}: ${to}`,
    ),
    ...policies.map(
      ({ route, policy, turn }) => `\`${route}\` is ordered by ${policy}, turn ${turn}`,
    ),
    ...(difficulty
      ? [`difficulty ${difficulty.score.toFixed(2)} (${difficulty.tier}): ${shares}`]
      : []),
    ...notes,
    ...(experiment
      ? [`part of the experiment \`${experiment.experiment}\`, with the arm \`${experiment.arm}\``]
      : []),
    ...(guardrails.length > 0 ? [`guardrails: ${guardrails.join(", ")}`] : []),
    ...(cache ? [caching(cache)] : []),
    ...(hedge ? [hedging(hedge)] : []),
    ...limits.map((limit) => limitText(limit)),
  ];
  return lines.map((line) => harmless(line)).join("\n");
}

function caching({ key, keeps, looks, max_age_ms: age, scope, ttl_ms: ttl, why_not: why }: Cache) {
  if (key === null || scope === null) return `not cached: ${why}`;
  const looked =
    looks && age !== null ? `looked for (up to ${formatDuration(age)} old)` : "not looked for";
  const kept = keeps && ttl !== null ? `kept for ${formatDuration(ttl)}` : "not kept";
  return `cache: ${looked}, ${kept}, by ${scope}, key ${key.slice(0, 16)}…`;
}

function hedging({ route, max_extra_spend: share, starts_after_ms: ms, why_not: why }: Hedge) {
  const when = ms === null ? `this one is not: ${why}` : `here after ${groupDigits(ms)} ms`;
  return `\`${route}\` is raced for at most ${Number((share * 100).toFixed(2))} % more: ${when}`;
}

function limitText({ amount, of, remaining, unit, window }: ExplainedLimit): string {
  const what = unit === "parallel" ? "at once" : unit.replace("_", " ");
  const per = window === null ? "" : ` a ${window}`;
  return `${of}: ${groupDigits(remaining)} left of ${groupDigits(amount)} ${what}${per}`;
}

const table = (candidates: readonly ExplainedCandidate[]): string =>
  renderTable(
    [
      { title: "", align: "right" },
      { title: "deployment" },
      { title: "score", align: "right" },
      { title: "why" },
      { title: "est. USD", align: "right" },
      { title: "at most", align: "right" },
      { title: "state" },
    ],
    candidates.map(({ rank, deployment, judged, cost, state, error }) => [
      rank === null ? "-" : String(rank),
      deployment,
      scoreOf(judged),
      judged.map(({ why }) => why).join("; "),
      dollars(cost.expected_usd),
      dollars(cost.worst_usd),
      error ? "cannot take it" : state,
    ]),
  );

const scoreOf = (judged: ExplainedCandidate["judged"]): string => {
  const score = judged.findLast((each) => each.score !== undefined)?.score;
  return score === undefined ? "" : String(Number(score.toPrecision(3)));
};

/** Six decimals are enough to compare. */
const dollars = (text: string | null): string => (text === null ? "unknown" : text.slice(0, -3));

/** Sentences that have no room in a table. */
const asides = (candidates: readonly ExplainedCandidate[]): string =>
  candidates
    .flatMap(({ rank, deployment, state_reason: reason, preferred, error, ...rest }) =>
      [
        reason,
        preferred,
        ...rest.admission.limits.map((limit) => limitText(limit)),
        holdText(rest.admission),
        rest.on_midstream_failure === "continue"
          ? "where its answer breaks off, the next one goes on"
          : null,
        error?.message ?? null,
      ].flatMap((text) => (text === null ? [] : [`${rank ?? "-"} ${deployment}: ${text}`])),
    )
    .map((line) => harmless(line))
    .join("\n");

/** Six decimals are enough here, too. */
function holdText({ hold_usd: hold, output_cap: cap }: ExplainedHold): string | null {
  if (hold === null) return null;
  const length = cap === null ? "" : `, for an answer of ${groupDigits(cap)} tokens at most`;
  return `$${dollars(hold)} would be set aside${length}`;
}

/** Each once; by the deployment where it is tightest. */
function budgets(candidates: readonly ExplainedCandidate[]): string {
  const found = new Map<string, ExplainedBudget>();
  for (const { admission } of candidates) {
    for (const budget of admission.budgets) {
      const id = JSON.stringify([budget.id, budget.of]);
      if (!found.has(id) || !budget.fits) found.set(id, budget);
    }
  }
  if (found.size === 0) return "";
  const rows = [...found.values()].map((budget) => [
    budget.of === null ? budget.name : `${budget.name} (${budget.of})`,
    `$${dollars(budget.left_usd)} of $${dollars(budget.amount_usd)}`,
    `$${dollars(budget.held_usd)}`,
    budget.window_end_ms === null ? "never" : new Date(budget.window_end_ms).toISOString(),
    budget.fits ? "yes" : "no",
  ]);
  return renderTable(
    [
      { title: "budget" },
      { title: "left", align: "right" },
      { title: "held by others", align: "right" },
      { title: "anew" },
      { title: "pays" },
    ],
    rows,
  );
}

const excluded = ({ excluded: all }: Explanation): string =>
  all.length === 0
    ? ""
    : [
        bold("not asked"),
        ...all.map(({ deployment, why }) => harmless(`${deployment}: ${why}`)),
      ].join("\n");

/** What the first one that can take the request gets. */
function request({ candidates }: Explanation, json: string): string {
  const at = candidates.findIndex(({ rank, outbound }) => rank !== null && outbound !== null);
  const { deployment, outbound } = candidates[at] ?? {};
  if (!outbound) return "The gateway answers this by itself: nothing is sent.";
  const { method, url, headers, relayed, dialect, warnings } = outbound;
  const lines = Object.entries(headers).map(([name, value]) => harmless(`${name}: ${value}`));
  return [
    bold(harmless(`${method} ${url}`)),
    harmless(`for ${deployment}, ${relayed ? "relayed as it is" : "translated"} (${dialect})`),
    ...lines,
    dim("(the credentials are put on when it is sent)"),
    "",
    harmless(indentJson(bodyAt(json, at), { maxText }), "\n"),
    ...(warnings.length === 0 ? [] : ["", bold("lost on the way")]),
    ...warnings.map(({ field, reason }) => harmless(`${field}: ${reason}`)),
  ].join("\n");
}

/** The text of a candidate's body, every value spelt as it was. */
function bodyAt(json: string, at: number): string {
  const candidates = member(Buffer.from(json), "candidates");
  const item = scanArray(candidates)[at];
  if (!item) return "";
  const body = member(member(candidates.subarray(item.start, item.end), "outbound"), "body");
  return Buffer.from(body).toString("utf8");
}

function member(bytes: Uint8Array, name: string): Uint8Array {
  const found = scan(bytes).get(name)?.value;
  return found ? bytes.subarray(found.start, found.end) : new Uint8Array();
}
