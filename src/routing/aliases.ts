// From the name that a client sends to the one it stands for: aliases, the key's own first, and name endings.
import { starOf } from "../lib/star.ts";
import type { PolicyName } from "./policies/index.ts";

/** Name or pattern with a `*` → what it stands for. */
export type Aliases = ReadonlyMap<string, string>;

const endings: Readonly<Record<string, PolicyName>> = {
  floor: "lowest-cost",
  nitro: "highest-throughput",
};

/**
 * The model that a name with one of OpenRouter's endings stands for, and the policy that the ending is.
 * @example endingOf("gpt-4o:floor") // → { name: "gpt-4o", policy: "lowest-cost" }
 */
export function endingOf(model: string): { name: string; policy: PolicyName } | undefined {
  const [, name, ending = ""] = /^(.+):(floor|nitro)$/.exec(model) ?? [];
  const policy = endings[ending];
  return name !== undefined && policy ? { name, policy } : undefined;
}

/** What a client's name stands for. */
export interface Aim {
  name: string;
  /** Of the name's ending, or of an alias's. */
  policy?: PolicyName;
  /** The ending that the client itself wrote. @example ":floor" */
  ending?: string;
}

/** More in a row is a mistake. */
const maxSteps = 32;

/**
 * Follows aliases until none applies, each once at most: earlier lists go before later ones, in each of them exact names
 * before patterns, and the pattern with the most characters first.
 * @param options.isWritten whether somebody has exactly this name, so that its ending is part of it
 */
export async function aimOf(
  written: string,
  lists: readonly (Aliases | undefined)[],
  isWritten: (name: string) => Promise<boolean>,
): Promise<Aim> {
  const aim: Aim = { name: written };
  const used = new Set<string>();
  const follow = (step: Step | undefined): boolean => {
    if (!step || step.to === aim.name) return false;
    used.add(step.id);
    aim.name = step.to;
    return true;
  };
  for (let steps = 0; steps < maxSteps; steps += 1) {
    const found = endingOf(aim.name);
    const ending = found && !(await isWritten(aim.name)) ? found : undefined;
    // A pattern would swallow the ending.
    if (follow(stepOf(aim.name, lists, { used, patterns: !ending }))) continue;
    if (!ending) break;
    if (used.size === 0) aim.ending = aim.name.slice(ending.name.length);
    aim.policy ??= ending.policy;
    aim.name = ending.name;
  }
  return aim;
}

interface Step {
  id: string;
  to: string;
}

function stepOf(
  name: string,
  lists: readonly (Aliases | undefined)[],
  { used, patterns }: { used: ReadonlySet<string>; patterns: boolean },
): Step | undefined {
  for (const [at, list] of lists.entries()) {
    const to = list?.get(name);
    const id = `${at} ${name}`;
    if (to !== undefined && !used.has(id)) return { id, to };
    let best: (Step & { length: number }) | undefined;
    for (const [pattern, target] of patterns ? (list ?? []) : []) {
      const own = `${at} ${pattern}`;
      const star = pattern.includes("*") && !used.has(own) ? starOf(pattern, name) : undefined;
      if (star === undefined || (best && best.length >= pattern.length)) continue;
      best = { id: own, to: target.replaceAll("*", () => star), length: pattern.length };
    }
    if (best) return best;
  }
  return undefined;
}
