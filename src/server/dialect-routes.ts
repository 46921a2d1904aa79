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

/** OpenRouter's base URL is `/api/v1`: what its clients ask there, besides at `/v1`. */
const servedByOpenRouter = new Set([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
  "/v1/messages",
  "/v1/rerank",
]);

export const openRouterRoutes = plainRoutes
  .filter(({ path }) => servedByOpenRouter.has(path))
  .map((route) => ({ ...route, path: `/api${route.path}` }));

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
export function dialectOfPath(path: string): Dialect | undefined {
  // OpenRouter's clients have `/api/v1` where others have `/v1`.
  const pathname = path.replace(/^\/api(?=\/v1\/)/, "");
  const plain = served.find(
    (route) => isPlain(route) && (pathname === route.path || pathname.startsWith(`${route.path}/`)),
  );
  if (plain) return plain.dialect;
  const found = matchTemplate(pathname);
  const { dialect, envelope } = found?.asked ?? {};
  if (envelope?.errors) return dialects[envelope.errors];
  return dialect ?? owners.get(rootOf(pathname));
}

/** @example rootOf("/api/tags") // → "api" */
const rootOf = (path: string): string => path.split("/")[1] ?? "";

/** Lists of models are asked for by clients of every dialect. */
const shared: ReadonlySet<string> = new Set(["models"]);

/** First segments that only one dialect's paths begin with, e.g. `api`, `v1beta`. */
const owners: ReadonlyMap<string, Dialect> = soleOwners();

function soleOwners(): ReadonlyMap<string, Dialect> {
  const found = new Map<string, Set<Dialect>>();
  for (const { path, dialect, envelope } of served) {
    const spoken = envelope?.errors ? dialects[envelope.errors] : dialect;
    found.set(rootOf(path), (found.get(rootOf(path)) ?? new Set()).add(spoken));
  }
  return new Map(
    [...found].flatMap(([root, [first, ...others]]) =>
      first && others.length === 0 && !shared.has(root) ? [[root, first] as const] : [],
    ),
  );
}
