// The guardrails of one request: which run, what they say of what comes and goes, and how that is put on record.
import { blockedBy } from "../guardrails/blocked.ts";
import { inspectBody } from "../guardrails/body.ts";
import { type Direction, type Finding, type Guardrail, looksAt } from "../guardrails/guardrail.ts";
import { guardrailsOf } from "../guardrails/guardrails.ts";
import { inspectJson } from "../guardrails/inspect.ts";
import { createStreamGuard, type StreamGuard } from "../guardrails/stream.ts";
import { hasTokens } from "../guardrails/tokens.ts";
import { GatewayError } from "../ir/error.ts";
import type { Frame } from "../lib/frame.ts";
import type { Framing } from "../lib/framing.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Exchange } from "./exchange.ts";

/** How a request names more guardrails than it has to have. */
export const guardrailsHeader = "x-megallm-guardrails";

const maxNames = 100;

export interface Guard {
  readonly names: readonly string[];
  /** Null where nothing looks at requests. */
  readonly input: InputGuard | null;
  /** Null where nothing looks at answers. */
  readonly output: OutputGuard | null;
}

export interface InputGuard {
  /** What the texts of a JSON body are changed to. @throws GatewayError `guardrail_blocked` */
  json(bytes: Uint8Array): Promise<ReadonlyMap<string, string>>;
  /**
   * A body, or a part of one, as it may be sent. `media`: it may be what no guardrail can read.
   * @throws GatewayError `guardrail_blocked`
   */
  bytes(bytes: Uint8Array, options?: { media: boolean }): Promise<Uint8Array>;
  /** Something was sent that is not looked at. @throws GatewayError `guardrail_blocked` where that is not allowed */
  unread(): void;
}

export interface OutputGuard {
  /** A guardrail asks for the text of each candidate. */
  readonly asksAnswers: boolean;
  /**
   * A whole answer as it may be shown, whatever it is. `answers`: what its candidates say.
   * @throws GatewayError `guardrail_blocked`
   */
  whole(bytes: Uint8Array, answers?: readonly string[]): Promise<Uint8Array>;
  stream(framing: Framing, onFrame?: (frame: Frame) => void): StreamGuard;
}

/** What of a request says which guardrails run. */
export interface Guarded {
  /** Those who may answer. */
  candidates: readonly Pick<Candidate, "guardrails">[];
  /** Named by the body. */
  named?: readonly string[];
  model: string;
}

/**
 * Null where none run. A request can only add to those that it must have.
 * @throws GatewayError `invalid_request` for names that there are none of
 */
export function guardFor(current: Exchange, guarded: Guarded): Guard | null {
  const { caller, generation, request } = current;
  const { guardrails: settings } = generation.config;
  const header = request.headers.get(guardrailsHeader);
  const named = guarded.named ?? [];
  if (settings.size === 0 && header === null && named.length === 0 && !caller.guardrails) {
    return null;
  }
  return createGuard(current, guarded);
}

/** Which run, for those who only want to know. @throws GatewayError `invalid_request` */
export function guardrailsFor(
  {
    caller,
    generation,
    request,
    services,
  }: Pick<Exchange, "caller" | "generation" | "request" | "services">,
  { candidates, named = [] }: Guarded,
): readonly Guardrail[] {
  const asked = [...namesIn(request.headers.get(guardrailsHeader)), ...named];
  if (asked.length > maxNames) throw refused(`may be ${maxNames} at most`);
  const all = guardrailsOf(generation.config.guardrails, services);
  const wanted = [
    ...asked,
    ...(caller.guardrails ?? []),
    ...candidates.flatMap(({ guardrails = [] }) => guardrails),
  ];
  const { guardrails, unknown } = all.select(wanted);
  const [name] = unknown;
  if (name === undefined) return guardrails;
  if (asked.includes(name)) throw refused(`\`${name.slice(0, 100)}\` is not configured here`);
  // A key whose guardrail is gone must not do without it.
  throw new GatewayError(
    "invalid_request",
    `This key's guardrail \`${name.slice(0, 100)}\` is not configured here: an administrator must add it under \`guardrails\`, or take it from the key.`,
  );
}

const refused = (what: string): GatewayError =>
  new GatewayError("invalid_request", `\`guardrails\`: ${what}.`, { param: "guardrails" });

const namesIn = (header: string | null): string[] =>
  (header ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

function createGuard(current: Exchange, guarded: Guarded): Guard | null {
  const guardrails = guardrailsFor(current, guarded);
  if (guardrails.length === 0) return null;
  const { record, services } = current;
  const names = guardrails.map(({ settings }) => settings.name);
  record.guardrails(names);
  const told = new Set<string>();
  const found = (finding: Finding): void => {
    const { action, direction, guardrail, kind, place } = finding;
    const key = JSON.stringify([guardrail, kind, direction, place, action]);
    if (told.size >= maxTold || told.has(key)) return;
    told.add(key);
    record.found(finding);
    const facts = { requestId: record.requestId, guardrail, kind, direction, place, action };
    if (action === "block") services.log.warn("guardrail.blocked", facts);
    else services.log.info("guardrail.found", facts);
  };
  const of = (direction: Direction): readonly Guardrail[] =>
    guardrails.filter((each) => looksAt(each, direction));
  return {
    names,
    input: inputGuard(of("input"), { current, guarded, found }),
    output: outputGuard(of("output"), { current, guarded, found }),
  };
}

const maxTold = 50;

interface Means {
  current: Exchange;
  guarded: Guarded;
  found(finding: Finding): void;
}

const factsOf = ({ current, guarded }: Means, direction: Direction) => ({
  direction,
  model: guarded.model,
  requestId: current.record.requestId,
  signal: current.signal,
});

function inputGuard(guardrails: readonly Guardrail[], means: Means): InputGuard | null {
  if (guardrails.length === 0) return null;
  const facts = factsOf(means, "input");
  const unreadable = guardrails.find(({ settings }) => settings.unreadable === "block");
  const settle = (findings: readonly Finding[], blocking: Finding | null): void => {
    for (const finding of findings) means.found(finding);
    if (blocking) throw blockedBy(blocking, guardrails);
  };
  const unread = (): void => {
    if (!unreadable) return;
    const finding: Finding = {
      guardrail: unreadable.settings.name,
      kind: "unreadable",
      direction: "input",
      place: "body",
      action: "block",
    };
    settle([finding], finding);
  };
  return {
    async json(bytes) {
      const { findings, blocking, edits } = await inspectJson(bytes, guardrails, facts);
      settle(findings, blocking);
      if (hasTokens(bytes)) unread();
      return edits;
    },
    async bytes(bytes, { media } = { media: false }) {
      const inspected = await inspectBody(bytes, guardrails, facts);
      settle(inspected.findings, inspected.blocking);
      if (!inspected.isReadable && !media) unread();
      return inspected.bytes;
    },
    unread,
  };
}

function outputGuard(guardrails: readonly Guardrail[], means: Means): OutputGuard | null {
  if (guardrails.length === 0) return null;
  const facts = factsOf(means, "output");
  const answerChecks = guardrails.filter(({ check }) => check.by === "answer");
  return {
    asksAnswers: answerChecks.length > 0,
    async whole(bytes, answers = []) {
      const inspected = await inspectBody(bytes, guardrails, facts);
      let { blocking } = inspected;
      for (const finding of inspected.findings) means.found(finding);
      for (const [at, text] of answers.entries()) {
        for (const { check, settings } of answerChecks) {
          const kind = check.by === "answer" ? check.fault(text) : null;
          if (kind === null) continue;
          const place = `candidates[${at}]`;
          const { action, name: guardrail } = settings;
          const finding: Finding = { guardrail, kind, direction: "output", place, action };
          means.found(finding);
          if (action === "block") blocking ??= finding;
        }
      }
      if (blocking) throw blockedBy(blocking, guardrails);
      return inspected.bytes;
    },
    stream: (framing, onFrame) =>
      createStreamGuard({ guardrails, framing, facts, found: means.found, onFrame }),
  };
}
