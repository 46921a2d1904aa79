// Fallbacks of a source as those of routes: only to what exists, and never in a circle, which `megallm check` refuses.
import type { Path } from "../lib/json.ts";
import { type Draft, type Kind, kindPlace, routeName } from "./draft.ts";
import type { Report } from "./report.ts";

export interface WrittenFallback {
  kind: Kind;
  /** The route that fails; `*` for all that have none of their own. */
  from: string;
  to: string;
  /** Of this target in the source. */
  path: Path;
}

const circle =
  "by its deployments: routes that fall back to one another would go in a circle, which is refused";

/** Adds fallbacks in the order in which they are written. */
export function addFallbacks(
  written: readonly WrittenFallback[],
  { draft, report }: { draft: Draft; report: Report },
): void {
  for (const fallback of written) {
    const from = routeName(fallback.from);
    const target = resolve(routeName(fallback.to), draft);
    const { path, kind } = fallback;
    if (target === undefined) {
      report.left(path, `no model is named \`${fallback.to}\``);
      continue;
    }
    if (fallback.from === "*") {
      const list = (draft.defaultFallbacks[kind] ??= []);
      const place = put(list, target);
      report.carried(path, () => [
        ...kindPlace(["default_fallbacks"], draft.defaultFallbacks, kind),
        place,
      ]);
      continue;
    }
    const route = draft.routes.get(from);
    if (!route) {
      report.left(path, `no model is named \`${fallback.from}\``);
      continue;
    }
    const list = (route.fallbacks[kind] ??= []);
    const base: Path = ["models", from, "fallbacks"];
    if (target === from) {
      report.left(path, "a model cannot fall back to itself");
    } else if (leadsTo(target, from, draft)) {
      const places = deploymentNames(target, draft).map((name) => put(list, name));
      const [first] = places;
      if (first === undefined)
        report.left(path, "routes must not fall back to one another in a circle");
      else {
        report.adapted(path, () => [...kindPlace(base, route.fallbacks, kind), first], circle);
      }
    } else {
      const place = put(list, target);
      report.carried(path, () => [...kindPlace(base, route.fallbacks, kind), place]);
    }
  }
  for (const route of draft.routes.values()) {
    for (const kind of ["general", "context_window", "content_policy"] as const) {
      if (route.fallbacks[kind]?.length === 0) delete route.fallbacks[kind];
    }
  }
}

/** Adds a name once, and says where it stands. */
function put(list: string[], name: string): number {
  const known = list.indexOf(name);
  return known >= 0 ? known : list.push(name) - 1;
}

/** A route, or what an alias stands for; undefined when it is nothing that exists. */
function resolve(name: string, draft: Draft): string | undefined {
  if (draft.routes.has(name)) return name;
  const target = draft.aliases.get(name);
  if (target !== undefined) return target;
  const slash = name.indexOf("/");
  const provider = name.slice(0, Math.max(slash, 0));
  return slash > 0 &&
    !name.includes("*") &&
    draft.connections.all().some((each) => each.name === provider)
    ? name
    : undefined;
}

/** Whether one route leads to another by fallbacks and groups. */
function leadsTo(from: string, to: string, draft: Draft): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    const route = draft.routes.get(name);
    if (!route) continue;
    const groups = route.deployments.flatMap(({ target }) =>
      "route" in target ? [target.route] : [],
    );
    open.push(...groups, ...Object.values(route.fallbacks).flat());
  }
  return false;
}

/** The models of a route by their providers, where those names are no routes themselves. */
const deploymentNames = (name: string, draft: Draft): string[] =>
  (draft.routes.get(name)?.deployments ?? []).flatMap(({ target }) => {
    if ("route" in target || target.model.includes("*")) return [];
    const model = `${target.connection.name}/${target.model}`;
    return draft.routes.has(model) ? [] : [model];
  });
