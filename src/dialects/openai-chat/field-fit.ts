// The top level of a chat body as a provider takes it: output limit, tool choice, reasoning, and what it refuses.
import type { Operation } from "../../ir/chat.ts";
import type { Draft, Quirks, Target } from "../dialect.ts";
import { fitRefused } from "../draft.ts";
import { isObject } from "../../lib/json.ts";
import { nearestEffort } from "../openai-effort.ts";
import { traitsOf } from "../openai-model.ts";
import { encodeWish, ofEffort } from "./reasoning-request.ts";

/** What is relayed: of operations besides these two nothing is known. */
export function fit(
  draft: Draft,
  target: Pick<Target, "model" | "quirks">,
  operation: Operation,
): void {
  if (operation === "chat") fitFields(draft, target);
  if (operation !== "embeddings") return;
  // What a provider accepts of chat bodies says nothing of these.
  const { accepts: _, ...quirks } = target.quirks;
  fitRefused(draft, { ...target, quirks });
}

/** Applies the quirks of this wire's fields, then those of all wires. */
export function fitFields(draft: Draft, target: Pick<Target, "model" | "quirks">): void {
  if (target.quirks.refusesEmptyTools && draft.isEmptyList("tools"))
    leaveOutTools(draft, undefined);
  fitOutputField(draft, target);
  fitToolChoice(draft, target.quirks);
  fitEffort(draft, target.quirks);
  fitRefused(draft, target);
}

/** A choice among no tools is refused too. */
function leaveOutTools(draft: Draft, reason: string | undefined): void {
  for (const name of ["tools", "parallel_tool_calls", "tool_choice"]) {
    if (!draft.has(name)) continue;
    const wish = name === "tool_choice" ? kindOfChoice(draft.value(name)) : undefined;
    const isDemand = wish === "required" || wish === "tool";
    if (isDemand) draft.remove(name, "there are no tools to choose from");
    else draft.remove(name, name === "tools" ? reason : undefined);
  }
}

/** OpenAI's models that reason refuse `max_tokens`; some servers know nothing else. */
function fitOutputField(draft: Draft, { model, quirks }: Pick<Target, "model" | "quirks">): void {
  const wanted = quirks.maxTokensField;
  if (wanted === undefined) return;
  const reasons = (traitsOf(model).efforts?.length ?? 0) > 0;
  if (wanted === "max_completion_tokens" && !reasons) return;
  const other = wanted === "max_tokens" ? "max_completion_tokens" : "max_tokens";
  if (!draft.has(other)) return;
  if (draft.has(wanted)) draft.remove(other);
  else draft.rename(other, wanted);
}

type Choice = NonNullable<Quirks["toolChoices"]>[number];

/** The kind of a choice in OpenAI's words or Mistral's; undefined for a kind that only OpenAI knows. */
function kindOfChoice(choice: unknown): Choice | undefined {
  if (choice === "any") return "required";
  if (choice === "auto" || choice === "none" || choice === "required") return choice;
  return isObject(choice) && isObject(choice["function"]) ? "tool" : undefined;
}

function fitToolChoice(draft: Draft, { toolChoices, requiredToolChoice }: Quirks): void {
  if ((!toolChoices && !requiredToolChoice) || !draft.has("tool_choice")) return;
  const choice = draft.value("tool_choice");
  if (choice === null) return;
  const kind = kindOfChoice(choice);
  const isTaken = toolChoices === undefined || (kind !== undefined && toolChoices.includes(kind));
  if (isTaken) {
    const word = requiredToolChoice ?? "required";
    if (kind === "required" && choice !== word) draft.set("tool_choice", word);
    return;
  }
  if (kind === "none") {
    leaveOutTools(draft, "the provider cannot be told not to call tools: they are left out");
    return;
  }
  const [first] = toolChoices;
  if (first === undefined) return;
  const word = first === "required" ? (requiredToolChoice ?? first) : first;
  const asked = kind === "tool" ? "a certain tool" : kind === "required" ? "any tool" : "this";
  draft.set(
    "tool_choice",
    word,
    `the provider does not let one demand ${asked}; \`${word}\` is sent`,
  );
}

/** `reasoning_effort` in words that the provider has, or in the field by which it is asked instead. */
function fitEffort(draft: Draft, quirks: Quirks): void {
  const { reasoningEfforts, reasoningRequest: way = "reasoning_effort" } = quirks;
  if ((!reasoningEfforts && way === "reasoning_effort") || !draft.has("reasoning_effort")) return;
  const word = draft.value("reasoning_effort");
  if (typeof word !== "string") return;
  if (reasoningEfforts) {
    if (reasoningEfforts.includes(word)) return;
    const nearest = nearestEffort(word, reasoningEfforts);
    const reason = `the provider has no effort \`${word.slice(0, 40)}\``;
    if (nearest === undefined) draft.remove("reasoning_effort", reason);
    else draft.set("reasoning_effort", nearest, `${reason}; it is asked for ${nearest}`);
    return;
  }
  let lost: string | undefined;
  const fields = encodeWish(ofEffort(word), quirks, (_field, reason) => (lost = reason));
  draft.remove("reasoning_effort", lost);
  for (const [name, value] of Object.entries(fields)) {
    if (!draft.has(name)) draft.set(name, value);
  }
}
