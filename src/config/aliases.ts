// Whether the aliases lead somewhere: to what exists, and never in a circle.
import type { Path } from "../lib/json.ts";
import { starOf } from "../lib/star.ts";
import { didYouMean, quoted } from "./problems.ts";
import type { Resolution } from "./providers.ts";
import type { Finder } from "./routes.ts";
import type { ParsedConfig } from "./schema.ts";

type Table = Readonly<Record<string, string>>;

export function checkAliases(config: ParsedConfig, find: Finder, resolution: Resolution): void {
  const general: Table = config.aliases;
  checkTable(general, ["aliases"], { config, all: [general], find, resolution });
  for (const [name, { aliases }] of Object.entries(config.keys)) {
    if (!aliases) continue;
    const at: Path = ["keys", name, "aliases"];
    checkTable(aliases, at, { config, all: [aliases, general], find, resolution });
  }
}

interface Check {
  config: ParsedConfig;
  /** Where the names are looked up, the caller's own first. */
  all: readonly Table[];
  find: Finder;
  resolution: Resolution;
}

function checkTable(table: Table, at: Path, check: Check): void {
  const { config, all, find, resolution } = check;
  const told = new Set<string>();
  for (const [name, target] of Object.entries(table)) {
    const path: Path = [...at, name];
    if (target.includes("*") && !name.includes("*")) {
      resolution.problem(
        path,
        `${quoted(target)} holds a \`*\`, and the alias holds none that could stand for it`,
        "write a `*` into the alias too, or name one model",
      );
      continue;
    }
    const circle = circleFrom(name, all);
    if (circle) {
      // Once, not at each of its links.
      if (circle.some((step) => told.has(step))) continue;
      for (const step of circle) told.add(step);
      resolution.problem(
        path,
        `the aliases go in a circle: ${circle.map((step) => quoted(step)).join(" → ")}`,
        "let one of them end at a route or at `provider/model`",
      );
      continue;
    }
    const plain = target.replace(/:(?:floor|nitro)$/, "");
    const isKnown = [target, plain].some(
      (each) => lookUp(each, all) !== undefined || Object.hasOwn(config.models, each),
    );
    if (isKnown) continue;
    if (plain.includes("/")) find(plain, path);
    else warnOfNear(plain, path, check);
  }
}

/** A bare name may be a model that a catalogue knows. */
function warnOfNear(target: string, path: Path, { config, all, resolution }: Check): void {
  const names = [...Object.keys(config.models), ...all.flatMap((table) => Object.keys(table))];
  const hint = didYouMean(
    target,
    names.filter((name) => name !== path.at(-1)),
  );
  if (hint === undefined) return;
  resolution.warning(path, `no route and no alias is named ${quoted(target)}`, hint);
}

/** The entry that takes a name, by the same order as for a request. */
function lookUp(name: string, all: readonly Table[]): { entry: string; to: string } | undefined {
  for (const table of all) {
    const exact = Object.hasOwn(table, name) ? table[name] : undefined;
    if (exact !== undefined) return { entry: name, to: exact };
    const [best] = Object.entries(table)
      .filter(([pattern]) => pattern.includes("*") && starOf(pattern, name) !== undefined)
      .toSorted(([one], [other]) => other.length - one.length);
    if (best) {
      const [entry, to] = best;
      return { entry, to: to.replaceAll("*", () => starOf(entry, name) ?? "") };
    }
  }
  return undefined;
}

/** A pattern that takes what it gave itself is followed no further; two that hand a name to and fro are a mistake. */
function circleFrom(name: string, all: readonly Table[]): string[] | undefined {
  // Any text will do for the star.
  let at = name.replaceAll("*", () => "…");
  const trail: string[] = [];
  for (;;) {
    const step = lookUp(at, all);
    if (!step || step.to === at || step.entry === trail.at(-1)) return undefined;
    if (step.entry === name && trail.length > 0) return [...trail, name];
    if (trail.includes(step.entry)) return undefined;
    trail.push(step.entry);
    at = step.to;
  }
}
