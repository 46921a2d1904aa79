// Memberships: the roles of users in organizations and teams.
import { z } from "zod";
import { roles } from "../../store/directory-types.ts";
import { requirePermission } from "./authorize.ts";
import { defineResource, resourceRoutes } from "./resource.ts";
import { fromStamp, id, page, stamp } from "./wire.ts";

const role = z
  .enum(roles)
  .describe("What the user may do there: see `/admin/v1/roles` for the whole table.");
const userId = id("user", "the user");
const organizationId = id("org", "the organization");
const teamId = id("team", "the team").nullable();

const create = z.strictObject({
  user_id: userId,
  organization_id: organizationId,
  team_id: teamId.optional().describe("`null`: a role in the organization as a whole."),
  role,
});

const memberships = defineResource({
  name: "membership",
  plural: "memberships",
  collection: (directory) => directory.memberships,
  shape: z
    .object({ ...stamp, user_id: userId, organization_id: organizationId, team_id: teamId, role })
    .meta({ id: "Membership" }),
  show: (membership) => ({
    ...fromStamp(membership),
    user_id: membership.userId,
    organization_id: membership.organizationId,
    team_id: membership.teamId,
    role: membership.role,
  }),
  defaults: { team_id: null },
  create,
  update: z.strictObject({ role }).partial(),
  toCreate: (body) => ({
    userId: body.user_id,
    organizationId: body.organization_id,
    teamId: body.team_id ?? null,
    role: body.role,
  }),
  toUpdate: (body) => body,
  filter: z.strictObject({
    ...page,
    user_id: userId.optional(),
    organization_id: organizationId.optional(),
    team_id: teamId.unwrap().optional(),
    role: role.optional(),
  }),
  toQuery: ({ user_id, organization_id, team_id, ...filter }) => ({
    ...filter,
    userId: user_id,
    organizationId: organization_id,
    teamId: team_id,
  }),
  placeOf: async ({ organizationId: organization, teamId: team }) => [
    [{ organizationId: organization, teamId: team ?? null }],
  ],
  reachOf: async (membership) => [
    [
      {
        organizationId: membership.organizationId,
        teamId: membership.teamId,
        userId: membership.userId,
      },
    ],
  ],
  guard({ actor }, { before, after, reach }) {
    const leaves = after === null && actor.kind === "user" && actor.userId === before?.userId;
    const owner = before?.role === "owner" || after?.role === "owner";
    if (owner && !leaves) requirePermission(actor, "membership.own", reach);
  },
});

export const membershipRoutes = resourceRoutes(memberships);
