// Routes whose names hold a `*`: which one takes a name, and what stands for the star.
import { isGroup, type Route } from "../config/config.ts";
import { starOf } from "../lib/star.ts";

export interface WildcardMatch {
  /** The route with the star filled in everywhere. */
  route: Route;
  /** The route takes every name: others may know it better. */
  isCatchAll: boolean;
}

/**
 * The most particular route wins: the one with the most characters besides the star.
 * @example createWildcards([route("claude-*", "anthropic/claude-*")])("claude-x") // → deployments: anthropic/claude-x
 */
export function createWildcards(
  routes: Iterable<Route>,
): (name: string) => WildcardMatch | undefined {
  const patterns = [...routes]
    .filter(({ name }) => isWildcard(name))
    .toSorted((one, other) => other.name.length - one.name.length);
  return (name) => {
    for (const route of patterns) {
      const star = starOf(route.name, name);
      if (star !== undefined) {
        return { route: filled(route, star), isCatchAll: route.name === "*" };
      }
    }
    return undefined;
  };
}

export const isWildcard = (name: string): boolean => name.includes("*");

/** The names that such a route gives a provider's models: those that its deployment's pattern fits. */
export function namesFor(route: Route, pattern: string, models: readonly string[]): string[] {
  if (!isWildcard(pattern) || route.name === "*") return [];
  return models.flatMap((model) => {
    const star = starOf(pattern, model);
    return star === undefined ? [] : [route.name.replace("*", () => star)];
  });
}

/** @example filled(route("a/*", "openai/*"), "gpt-4o") // its deployment is openai/gpt-4o */
function filled(route: Route, star: string): Route {
  const fill = (text: string): string => text.replaceAll("*", () => star);
  return {
    ...route,
    deployments: route.deployments.map((each) =>
      isGroup(each) ? each : { ...each, model: fill(each.model) },
    ),
    fallbacks: Object.fromEntries(
      Object.entries(route.fallbacks).map(([kind, names]) => [kind, names.map(fill)]),
    ),
  };
}
