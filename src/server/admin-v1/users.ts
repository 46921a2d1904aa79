// Users.
import { z } from "zod";
import { membershipsOf } from "../../access/directory.ts";
import { defineResource, resourceRoutes } from "./resource.ts";
import { fromStamp, models, name, page, search, stamp, status } from "./wire.ts";

const email = z.string().min(3).max(200).describe("Address; kept in lower case, unique.");
const gatewayRole = z
  .enum(["admin"])
  .nullable()
  .describe("`admin`: may do everything, everywhere.");

const create = z.strictObject({
  email,
  name: name.optional(),
  status: status.optional(),
  gateway_role: gatewayRole.optional(),
  models: models.optional(),
});

const users = defineResource({
  name: "user",
  plural: "users",
  collection: (directory) => directory.users,
  shape: z
    .object({ ...stamp, email, name, status, gateway_role: gatewayRole, models })
    .meta({ id: "User" }),
  show: (user) => ({
    ...fromStamp(user),
    email: user.email,
    name: user.name,
    status: user.status,
    gateway_role: user.gatewayRole,
    models: user.models,
  }),
  defaults: { status: "active", gateway_role: null, models: null },
  create,
  update: create.partial(),
  toCreate: ({ gateway_role, ...fields }) => ({ ...fields, gatewayRole: gateway_role }),
  toUpdate: ({ gateway_role, ...fields }) => ({ ...fields, gatewayRole: gateway_role }),
  filter: z.strictObject({
    ...page,
    ...search,
    email: z.string().max(200).optional().describe("Exactly this address."),
    status: status.optional(),
    gateway_role: z.enum(["admin"]).optional(),
  }),
  toQuery: ({ gateway_role, ...filter }) => ({ ...filter, gatewayRole: gateway_role }),
  placeOf: async () => [[{}]],
  // Seen by whoever runs a place that they are a member of.
  reachOf: async ({ id }, directory, purpose) => [
    [
      { userId: id },
      ...(purpose === "see"
        ? (await membershipsOf(directory, id)).map(({ organizationId, teamId }) => ({
            organizationId,
            teamId,
          }))
        : []),
    ],
  ],
  cascades: true,
});

export const userRoutes = resourceRoutes(users);
