// Organizations.
import { z } from "zod";
import { defineResource, resourceRoutes } from "./resource.ts";
import { fromStamp, metadata, models, name, page, search, stamp, status } from "./wire.ts";

const create = z.strictObject({
  name,
  status: status.optional(),
  models: models.optional(),
  metadata: metadata.optional(),
});

const organizations = defineResource({
  name: "organization",
  plural: "organizations",
  collection: (directory) => directory.organizations,
  shape: z.object({ ...stamp, name, status, models, metadata }).meta({ id: "Organization" }),
  show: (organization) => ({
    ...fromStamp(organization),
    name: organization.name,
    status: organization.status,
    models: organization.models,
    metadata: organization.metadata,
  }),
  defaults: { status: "active", models: null, metadata: {} },
  create,
  update: create.partial(),
  toCreate: (body) => body,
  toUpdate: (body) => body,
  filter: z.strictObject({ ...page, ...search, status: status.optional() }),
  toQuery: (filter) => filter,
  placeOf: async () => [[{}]],
  reachOf: async ({ id }) => [[{ organizationId: id }]],
  cascades: true,
});

export const organizationRoutes = resourceRoutes(organizations);
