// Rate limits of the directory and the configuration as the limiter takes them, and as answers tell of them.
import type { Principal } from "../access/authenticate.ts";
import type { AppliedLimit, Standing, Standings } from "../access/rate-limits.ts";
import type { RateLimit } from "../store/directory-types.ts";
import type { Subject } from "../store/subject.ts";

/** `x-ratelimit-*` of the tightest. */
export function standingHeaders(all: readonly Standings[]): Record<string, string> {
  const { requests, tokens } = tightestOf(all);
  return {
    ...(requests && limitHeaders("requests", requests)),
    ...(tokens && limitHeaders("tokens", tokens)),
  };
}

/** As OpenAI has them: https://platform.openai.com/docs/guides/rate-limits */
const limitHeaders = (
  of: "requests" | "tokens",
  { limit, remaining, resetMs }: { limit: number; remaining: number; resetMs: number },
): Record<string, string> => ({
  [`x-ratelimit-limit-${of}`]: String(limit),
  [`x-ratelimit-remaining-${of}`]: String(remaining),
  [`x-ratelimit-reset-${of}`]: `${Math.ceil(resetMs / 1000)}s`,
});

/** Of what was taken at several times the tightest. */
function tightestOf(all: readonly Standings[]): Standings {
  const tightest = (kind: keyof Standings): Standing | null =>
    all
      .flatMap((each) => each[kind] ?? [])
      .reduce<Standing | null>(
        (least, each) => (least && least.remaining <= each.remaining ? least : each),
        null,
      );
  return { requests: tightest("requests"), tokens: tightest("tokens") };
}

const windowsMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/** Named in words of whoever made the request. */
export const applied = (
  { id, subject, unit, window, amount }: RateLimit,
  principal: Principal,
): AppliedLimit => ({
  id,
  of: nameOf(subject, principal),
  unit,
  windowMs: window && windowsMs[window],
  amount,
});

function nameOf({ kind, id }: Subject, { key, caller }: Principal): string {
  switch (kind) {
    case "gateway":
      return "this gateway";
    case "key":
      return `key \`${key ?? id}\``;
    case "team":
      return `team \`${caller?.team?.name ?? id}\``;
    case "organization":
      return `organization \`${caller?.organization?.name ?? id}\``;
    case "user":
      return `user \`${caller?.user?.name ?? id}\``;
    case "end_user":
    case "tag":
    case "model":
      return `${kind.replace("_", " ")} \`${id.slice(0, 100)}\``;
    default:
      return kind satisfies never;
  }
}
