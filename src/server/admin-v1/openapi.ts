// The administration API as an OpenAPI 3.1 document, made from the routes.
import { z } from "zod";
import { isObject, type JsonObject } from "../../lib/json.ts";
import { version } from "../../version.ts";
import type { AdminRoute } from "./route.ts";
import { adminRoutes } from "./routes.ts";

export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  /** The permission that it needs. */
  readonly "x-action": string;
  /** What the permission must be held on. */
  readonly "x-scope": AdminRoute["scope"];
  readonly parameters: readonly OpenApiParameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: { readonly "application/json": { readonly schema: JsonSchema } };
  };
  readonly responses: Readonly<Record<string, object>>;
}

export interface OpenApiParameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly security: readonly object[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: {
    readonly securitySchemes: object;
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly responses: object;
  };
}

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Made anew with each call; it does not change while the program runs. */
export function openApiDocument(): OpenApiDocument {
  const schemas: Record<string, JsonSchema> = {};
  const paths: Record<string, Record<string, OpenApiOperation>> = {};
  for (const route of adminRoutes) {
    const operations = (paths[route.path] ??= {});
    operations[route.method.toLowerCase()] = operationOf(route, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "MegaLLM administration",
      version,
      description:
        "Organizations, teams, users, keys, budgets, limits, the audit log; usage and requests; providers, routes, aliases, the configuration. Every change is on record; updates take `If-Match`.",
    },
    servers: [{ url: "/admin/v1" }],
    security: [{ key: [] }],
    tags: [...new Set(adminRoutes.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          description: "The admin key, or a user's key that has the operation `admin`.",
        },
      },
      schemas: { ...schemas, Error: errorSchema },
      responses: {
        Error: {
          description: "What is wrong, and how to mend it.",
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        },
      },
    },
  };
}

const errorSchema: JsonSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      properties: {
        message: { type: "string" },
        type: { type: "string" },
        param: { type: ["string", "null"], description: "The field at fault." },
        code: { type: ["string", "null"] },
      },
    },
  },
};

function operationOf(route: AdminRoute, schemas: Record<string, JsonSchema>): OpenApiOperation {
  const failures = [
    "400",
    "401",
    "403",
    ...(route.path.includes("{id}") ? ["404"] : []),
    ...(route.body && !route.partial ? ["409"] : []),
    ...(changes(route) ? ["409", "412"] : []),
    ...(route.etag && route.method !== "GET" ? ["409", "422"] : []),
    "503",
  ];
  const hasVersion = changes(route) || route.path.includes("{id}") || route.etag !== undefined;
  return {
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    "x-action": route.action,
    "x-scope": route.scope,
    parameters: [
      ...(route.path.includes("{id}") ? [pathId] : []),
      ...queryParameters(route),
      ...(changes(route) ? [ifMatch] : []),
    ],
    ...(route.body && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: schemaOf(route.body, "input", schemas) } },
      },
    }),
    responses: {
      [route.status]: {
        description: route.summary,
        ...(hasVersion && route.answer && { headers: { ETag: { schema: { type: "string" } } } }),
        ...(route.answer && {
          content: {
            [route.media ?? "application/json"]: {
              schema: schemaOf(route.answer, "output", schemas),
            },
          },
        }),
      },
      ...Object.fromEntries(
        [...new Set(failures)].map((status) => [status, { $ref: "#/components/responses/Error" }]),
      ),
    },
  };
}

const changes = (route: AdminRoute): boolean =>
  (route.path.includes("{id}") || route.etag !== undefined) && route.method !== "GET";

/** @example operationId({ method: "POST", path: "/keys/{id}/rotate" }) // → "post_keys_id_rotate" */
const operationId = ({ method, path }: AdminRoute): string =>
  `${method.toLowerCase()}${path.replaceAll(/[{}]/g, "").replaceAll("/", "_")}`;

const pathId: OpenApiParameter = {
  name: "id",
  in: "path",
  required: true,
  schema: { type: "string" },
};

const ifMatch: OpenApiParameter = {
  name: "If-Match",
  in: "header",
  required: false,
  description: "The `ETag` that was read: refused with 412 when it is not the newest any more.",
  schema: { type: "string" },
};

function queryParameters(route: AdminRoute): OpenApiParameter[] {
  if (!route.query) return [];
  const schema = schemaOf(route.query, "input", {});
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return Object.entries(record(schema["properties"])).map(([name, value]) => {
    const { description, ...property } = record(value);
    return {
      name,
      in: "query",
      required: required.has(name),
      ...(typeof description === "string" && { description }),
      schema: property,
    };
  });
}

/** The JSON Schema of a zod schema; what has a name of its own goes into `schemas`. */
function schemaOf(
  schema: z.ZodType,
  io: "input" | "output",
  schemas: Record<string, JsonSchema>,
): JsonSchema {
  const made = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  const moved: unknown = JSON.parse(
    JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/'),
  );
  const { $schema: _$schema, $defs, id, ...rest } = record(moved);
  for (const [name, definition] of Object.entries(record($defs))) {
    const { id: _id, ...named } = record(definition);
    schemas[name] = named;
  }
  if (typeof id !== "string") return rest;
  schemas[id] = rest;
  return { $ref: `#/components/schemas/${id}` };
}

/** An object as it is; empty for what is none. */
export const record = (value: unknown): JsonObject => (isObject(value) ? value : {});
