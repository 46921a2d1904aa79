// Roles: the table of permissions, and what the caller is in it.
import { z } from "zod";
import { actions, holders, permissions } from "../../access/permissions.ts";
import type { AdminRoute } from "./route.ts";

const table = z
  .object({
    holders: z.array(z.string()).describe("Columns: who."),
    permissions: z
      .record(z.string(), z.array(z.enum(["+", "in", "up", "own", "-"])))
      .describe(
        "Rows: for each action what each holder may do it to. `+` everything; `in` what belongs to the organization or team of the role; `up` what belongs to the organization that the team is part of; `own` what belongs to the user, or the key itself; `-` nothing.",
      ),
  })
  .meta({ id: "Roles" });

const self = z
  .object({
    kind: z.enum(["gateway", "user", "key"]),
    user_id: z.string().nullable(),
    key_id: z.string().nullable(),
    gateway_admin: z.boolean(),
    memberships: z.array(
      z.object({
        organization_id: z.string(),
        team_id: z.string().nullable(),
        role: z.string(),
      }),
    ),
  })
  .meta({ id: "Self" });

export const roleRoutes: readonly AdminRoute[] = [
  {
    method: "GET",
    path: "/roles",
    tag: "roles",
    summary: "The table of permissions",
    action: "role.read",
    scope: "gateway",
    answer: table,
    status: 200,
    handle: async () => ({
      body: {
        holders,
        permissions: Object.fromEntries(actions.map((action) => [action, permissions[action]])),
      },
    }),
  },
  {
    method: "GET",
    path: "/self",
    tag: "roles",
    summary: "Who you are here",
    action: "role.read",
    scope: "gateway",
    answer: self,
    status: 200,
    async handle({ actor }) {
      const user = actor.kind === "user" ? actor : null;
      return {
        body: {
          kind: actor.kind,
          user_id: user?.userId ?? null,
          key_id: actor.kind === "gateway" ? null : actor.keyId,
          gateway_admin: actor.kind === "gateway" || user?.gatewayAdmin === true,
          memberships: (user?.memberships ?? []).map(({ organizationId, teamId, role }) => ({
            organization_id: organizationId,
            team_id: teamId,
            role,
          })),
        },
      };
    },
  },
];
