// Looks at a whole body with all guardrails of one direction: JSON, lines of JSON, or any other text.
import type { Path } from "../lib/json.ts";
import { scalarsIn, withScalars } from "../lib/json-scalars.ts";
import type { Action, Content, Finding, Guardrail } from "./guardrail.ts";
import { isLabel, isSpoken, placeText } from "./place.ts";
import { createTextCheck, type TextFinding } from "./text-check.ts";

/** What the guardrails have to say of a body. */
export interface Inspection {
  findings: Finding[];
  /** What blocks, if anything does. */
  blocking: Finding | null;
  /** What each text that is to be changed is changed to. */
  edits: ReadonlyMap<string, string>;
}

export type Facts = Omit<Content, "texts">;

/** One text of a body. */
interface Piece {
  text: string;
  path: Path;
  isKey: boolean;
}

/** Looks at every text of a JSON document, keys included. @throws JsonError where it is none */
export async function inspectJson(
  bytes: Uint8Array,
  guardrails: readonly Guardrail[],
  facts: Facts,
): Promise<Inspection> {
  const pieces = scalarsIn(bytes).map(({ text, path, type }) => ({
    text,
    path,
    isKey: type === "key",
  }));
  return inspectPieces(pieces, guardrails, facts);
}

/** Looks at texts that stand by themselves. */
export const inspectTexts = (
  texts: readonly string[],
  guardrails: readonly Guardrail[],
  facts: Facts,
): Promise<Inspection> =>
  inspectPieces(
    texts.map((text, at) => ({ text, path: [at], isKey: false })),
    guardrails,
    facts,
  );

/** A body with the edits of an inspection of it, or of one that it was made from. */
export const editedJson = (bytes: Uint8Array, edits: ReadonlyMap<string, string>): Uint8Array =>
  edits.size === 0 ? bytes : withScalars(bytes, ({ text }) => edits.get(text) ?? null);

type Tell = (found: TextFinding, place: string, action: Action) => void;

/** What cannot be masked is blocked. */
const withoutMask = ({ settings: { action } }: Guardrail): Action =>
  action === "mask" ? "block" : action;

async function inspectPieces(
  pieces: readonly Piece[],
  guardrails: readonly Guardrail[],
  facts: Facts,
): Promise<Inspection> {
  const { direction } = facts;
  const findings: Finding[] = [];
  const edits = new Map<string, string>();
  let blocking: Finding | null = null;
  const tell: Tell = ({ guardrail, kind }, place, action) => {
    const finding: Finding = {
      guardrail: guardrail.settings.name,
      kind,
      direction,
      place,
      action,
    };
    findings.push(finding);
    if (action === "block") blocking ??= finding;
  };

  const texts = createTextCheck(guardrails);
  for (const { text, path, isKey } of pieces) {
    const result = await texts.check(text);
    const place = placeText(path, isKey);
    for (const found of result.findings) tell(found, place, found.guardrail.settings.action);
    if (result.text !== text) edits.set(text, result.text);
  }
  for (const { text, path } of joinedParts(pieces)) {
    const result = await texts.check(text);
    // What only shows when parts are read as one cannot be masked in any of them.
    const apart = new Set(findings.map(({ guardrail, kind }) => `${guardrail} ${kind}`));
    for (const found of result.findings) {
      if (apart.has(`${found.guardrail.settings.name} ${found.kind}`)) continue;
      tell(found, placeText(path), withoutMask(found.guardrail));
    }
  }
  for (const guardrail of guardrails) {
    if (guardrail.check.by !== "measure") continue;
    const measure = guardrail.check.create();
    for (const { text, path, isKey } of pieces) {
      const isSaid = direction === "input" ? !isLabel(path) : isSpoken(path);
      const kind = isKey || !isSaid ? null : measure.add(text);
      if (kind === null) continue;
      tell({ guardrail, kind }, placeText(path), withoutMask(guardrail));
      break;
    }
  }
  if (blocking === null) {
    for (const guardrail of guardrails) {
      if (guardrail.check.by !== "judge") continue;
      await judge(guardrail, pieces, edits, { facts, tell });
      if (blocking !== null) break;
    }
  }
  return { findings, blocking, edits };
}

/** Asked of what the others have masked already. */
async function judge(
  guardrail: Guardrail,
  pieces: readonly Piece[],
  edits: Map<string, string>,
  { facts, tell }: { facts: Facts; tell: Tell },
): Promise<void> {
  if (guardrail.check.by !== "judge") return;
  const said = [
    ...new Set(pieces.filter(({ isKey, path }) => isKey || !isLabel(path)).map(({ text }) => text)),
  ];
  const texts = said.map((text) => edits.get(text) ?? text);
  const verdict = await guardrail.check.judge({ ...facts, texts });
  switch (verdict.verdict) {
    case "allow":
      return;
    case "block":
      tell({ guardrail, kind: verdict.kind }, "body", withoutMask(guardrail));
      return;
    case "edit":
      if (guardrail.settings.action === "log") {
        tell({ guardrail, kind: verdict.kind }, "body", "log");
        return;
      }
      tell({ guardrail, kind: verdict.kind }, "body", "mask");
      for (const [at, text] of said.entries()) {
        const edited = verdict.texts[at];
        if (edited !== undefined && edited !== texts[at]) edits.set(text, edited);
      }
      return;
    default:
      verdict satisfies never;
  }
}

/** Texts of parts that stand one after the other in a list: models read them as one. */
function joinedParts(pieces: readonly Piece[]): { text: string; path: Path }[] {
  const groups = new Map<string, { texts: string[]; path: Path }>();
  for (const { text, path, isKey } of pieces) {
    if (isKey || path.at(-1) !== "text" || typeof path.at(-2) !== "number") continue;
    const list = path.slice(0, -2);
    const key = JSON.stringify(list);
    const group = groups.get(key) ?? { texts: [], path: list };
    group.texts.push(text);
    groups.set(key, group);
  }
  return [...groups.values()]
    .filter(({ texts }) => texts.length > 1)
    .map(({ texts, path }) => ({ text: texts.join(""), path }));
}
