// Teams.
import { z } from "zod";
import { defineResource, resourceRoutes } from "./resource.ts";
import {
  fromStamp,
  id,
  metadata,
  models,
  name,
  page,
  search,
  stamp,
  status,
  tags,
} from "./wire.ts";

const organizationId = id("org", "its organization");
const changeable = {
  name,
  status: status.optional(),
  models: models.optional(),
  metadata: metadata.optional(),
  tags: tags.optional(),
};
const create = z.strictObject({ organization_id: organizationId, ...changeable });

const teams = defineResource({
  name: "team",
  plural: "teams",
  collection: (directory) => directory.teams,
  shape: z
    .object({
      ...stamp,
      organization_id: organizationId,
      name,
      status,
      models,
      metadata,
      tags,
    })
    .meta({ id: "Team" }),
  show: (team) => ({
    ...fromStamp(team),
    organization_id: team.organizationId,
    name: team.name,
    status: team.status,
    models: team.models,
    metadata: team.metadata,
    tags: team.tags,
  }),
  defaults: { status: "active", models: null, metadata: {}, tags: [] },
  create,
  update: z.strictObject(changeable).partial(),
  toCreate: ({ organization_id, ...fields }) => ({ organizationId: organization_id, ...fields }),
  toUpdate: (body) => body,
  filter: z.strictObject({
    ...page,
    ...search,
    organization_id: organizationId.optional(),
    status: status.optional(),
  }),
  toQuery: ({ organization_id, ...filter }) => ({ ...filter, organizationId: organization_id }),
  placeOf: async (team) => [[{ organizationId: team.organizationId }]],
  reachOf: async (team) => [[{ organizationId: team.organizationId, teamId: team.id }]],
  cascades: true,
});

export const teamRoutes = resourceRoutes(teams);
