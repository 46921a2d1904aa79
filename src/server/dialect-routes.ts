// The paths of every dialect: which request belongs to which, and what its path says.
import type { DialectRoute } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { Asked } from "../pipeline/inbound.ts";
import { compilePath } from "../lib/path-template.ts";

interface Served extends DialectRoute {
  dialect: Dialect;
}

/** Every route of every dialect. */
const served: readonly Served[] = Object.values(dialects).flatMap((dialect) =>
  dialect.routes.map((route) => ({ dialect, ...route })),
);

const isPlain = ({ path }: DialectRoute): boolean => !path.includes("{");

/** Routes whose paths are plain text, ready to be mounted. */
export const plainRoutes = served
  .filter(isPlain)
  .map((route) => ({ ...route, asked: askedBy(route) }));

const templates = served
  .filter((route) => !isPlain(route))
  .map((route) => ({ route, template: compilePath(route.path) }));

function askedBy(route: Served, model?: string): Asked {
  const { dialect, operation, form, stream, envelope } = route;
  return {
    dialect,
    operation,
    ...(model !== undefined && { model }),
    ...(form !== undefined && { form }),
    ...(stream !== undefined && { stream }),
    ...(envelope && { envelope }),
  };
}

/** A path with names in it, e.g. `/model/anthropic.claude/invoke`: which methods it takes, and what it asks for. */
export function matchTemplate(
  pathname: string,
): { asked: Asked; method: string; path: string } | undefined {
  for (const { route, template } of templates) {
    const names = template.match(pathname);
    if (names) {
      return { asked: askedBy(route, names["model"]), method: route.method, path: route.path };
    }
  }
  return undefined;
}

/** The dialect that a path belongs to, also where nothing is served at it. */
export function dialectOfPath(pathname: string): Dialect | undefined {
  const plain = served.find(
    (route) => isPlain(route) && (pathname === route.path || pathname.startsWith(`${route.path}/`)),
  );
  return plain?.dialect ?? matchTemplate(pathname)?.asked.dialect;
}
