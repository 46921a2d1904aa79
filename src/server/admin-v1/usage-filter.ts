// By what usage and requests can be narrowed: the same words for both.
import { z } from "zod";
import { GatewayError } from "../../ir/error.ts";
import type { PeopleFilter, UsageFilter } from "../../store/store.ts";

/** Empty: those without it. */
const exactly = (what: string) =>
  z.string().max(512).optional().describe(`${what} Empty: those that have none.`);
const named = (what: string) => z.string().min(1).max(512).optional().describe(what);
const time = (what: string) =>
  z.coerce.number().int().min(0).max(8_640_000_000_000_000).optional().describe(what);

export const usageFilterFields = {
  since_ms: time("Of requests that arrived from then on, ms since the epoch."),
  until_ms: time("Of requests that arrived before then."),
  organization_id: exactly("Of this organization."),
  team_id: exactly("Of this team."),
  user_id: exactly("Of this user."),
  key_id: exactly("Of this key."),
  key: exactly("Of keys with this name."),
  route: exactly("Asked for by this model name."),
  provider: exactly("Answered by this provider."),
  model: exactly("Answered by this model, as the provider knows it."),
  status: z
    .enum(["ok", "error", "client_closed", "interrupted"])
    .optional()
    .describe("How they ended."),
  end_user: named("Of this end user, as the client named it."),
  tag: named("With this tag."),
};

export interface UsageFilterWords {
  since_ms?: number | undefined;
  until_ms?: number | undefined;
  organization_id?: string | undefined;
  team_id?: string | undefined;
  user_id?: string | undefined;
  key_id?: string | undefined;
  key?: string | undefined;
  route?: string | undefined;
  provider?: string | undefined;
  model?: string | undefined;
  status?: string | undefined;
  end_user?: string | undefined;
  tag?: string | undefined;
}

/** @throws GatewayError `invalid_request` for text that no database holds */
export function filterOf(words: UsageFilterWords): {
  sinceMs?: number;
  untilMs?: number;
  where: UsageFilter & PeopleFilter;
} {
  const where: Record<string, string | null> = {};
  const pairs = {
    organizationId: words.organization_id,
    teamId: words.team_id,
    userId: words.user_id,
    keyId: words.key_id,
    key: words.key,
    route: words.route,
    provider: words.provider,
    model: words.model,
    status: words.status,
    endUser: words.end_user,
    tag: words.tag,
  };
  for (const [name, value] of Object.entries(pairs)) {
    if (value === undefined) continue;
    if (value.includes("\0") || !value.isWellFormed()) {
      throw new GatewayError("invalid_request", "A filter is not a text that can be looked for.");
    }
    where[name] = value === "" ? null : value;
  }
  return {
    ...(words.since_ms !== undefined && { sinceMs: words.since_ms }),
    ...(words.until_ms !== undefined && { untilMs: words.until_ms }),
    where,
  };
}
