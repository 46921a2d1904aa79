// The configuration's JSON Schema: one form for the program itself, one for editors.
import { z } from "zod";
import type { Path } from "../lib/json.ts";
import { isObject } from "../lib/json.ts";
import type { Provider } from "../providers/provider.ts";
import { createSchema } from "./schema.ts";

/** The part of JSON Schema that the configuration uses. */
export interface SchemaNode {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  additionalProperties?: SchemaNode | boolean;
  propertyNames?: SchemaNode;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  /** Ours: the default in words. Not in the published schema. */
  defaultText?: string;
  /** Ours: the value is a credential. Not in the published schema. */
  secret?: boolean;
  /** Ours: the type in words. Not in the published schema. */
  kind?: string;
}

/** What users write, with our own annotations ({@link SchemaNode.secret} ...). */
export function inputSchema(presets: readonly Provider[]): SchemaNode {
  return z.toJSONSchema(createSchema(presets), {
    io: "input",
    reused: "inline",
    override: ({ jsonSchema }) => {
      // The library drops both behind a transform, and shows defaults of sections as `{}`.
      const { sample, fallback, ...rest } = jsonSchema as SchemaNode & {
        sample?: unknown;
        fallback?: unknown;
      };
      for (const key of ["sample", "fallback", "default"]) delete jsonSchema[key];
      const range = [rest.minimum, rest.maximum].some((bound) => Math.abs(bound ?? 0) > 2 ** 52);
      if (range) {
        delete jsonSchema.minimum;
        delete jsonSchema.maximum;
      }
      if (sample !== undefined) jsonSchema.examples = [sample];
      if (fallback !== undefined) jsonSchema.default = fallback;
    },
  }) as SchemaNode;
}

/** Every form a value at `path` may take; empty when the schema knows no such place. */
export function nodesAt(root: SchemaNode, path: Path): SchemaNode[] {
  let nodes = alternatives(root);
  for (const step of path) {
    nodes = nodes.flatMap((node) => {
      if (typeof step === "number") return node.items === undefined ? [] : alternatives(node.items);
      const own =
        node.properties !== undefined && Object.hasOwn(node.properties, step)
          ? node.properties[step]
          : node.additionalProperties;
      return own === undefined || typeof own === "boolean" ? [] : alternatives(own);
    });
  }
  return nodes;
}

/** The node itself, then what `anyOf` offers; annotations of a choice hold for each of its alternatives. */
export function alternatives(node: SchemaNode): SchemaNode[] {
  if (node.anyOf === undefined) return [node];
  const { anyOf, ...shared } = node;
  return anyOf.flatMap((choice) => alternatives({ ...shared, ...choice }));
}

/** The node admits a single text, number or flag. */
export const isScalarNode = (node: SchemaNode): boolean =>
  node.type !== "object" && node.type !== "array";

/** The names a map at `path` may have. */
export const fieldsAt = (root: SchemaNode, path: Path): string[] => [
  ...new Set(nodesAt(root, path).flatMap((node) => Object.keys(node.properties ?? {}))),
];

const reference = "\\$\\{";

/**
 * The schema for editors (JSON Schema 2020-12). It admits `${…}` wherever a value is not a plain string already,
 * and an empty section where its entries are commented out.
 */
export function publishedSchema(presets: readonly Provider[]): Record<string, unknown> {
  const root = inputSchema(presets);
  const provider = root.properties?.["providers"]?.additionalProperties;
  if (isObject(provider)) describeTypes(provider, presets);
  for (const section of Object.values(root.properties ?? {})) {
    if (section.type === "object") section.type = ["object", "null"];
  }
  if (isObject(provider)) (provider as SchemaNode).type = ["object", "null"];
  return publish(root) as Record<string, unknown>;
}

/** Editors complete the presets' names; other text stays possible for `${…}`. */
function describeTypes(provider: SchemaNode, presets: readonly Provider[]): void {
  const type = provider.properties?.["type"];
  if (type === undefined || presets.length === 0) return;
  type.enum = presets.map((preset) => preset.id);
}

function publish(node: SchemaNode): SchemaNode {
  const { defaultText, secret, kind: _kind, ...rest } = node;
  const copy: SchemaNode = { ...rest };
  if (defaultText !== undefined && copy.description !== undefined && copy.default === undefined) {
    copy.description += ` Default: ${defaultText}.`;
  }
  if (secret === true && copy.type === "string") delete copy.pattern;
  if (copy.properties !== undefined) {
    copy.properties = Object.fromEntries(
      Object.entries(copy.properties).map(([name, child]) => [name, publish(child)]),
    );
  }
  if (isObject(copy.additionalProperties)) {
    copy.additionalProperties = publish(copy.additionalProperties);
  }
  if (copy.items !== undefined) copy.items = publish(copy.items);
  if (copy.anyOf !== undefined) copy.anyOf = copy.anyOf.map(publish);
  if (copy.pattern !== undefined) copy.pattern = `(?:${copy.pattern})|${reference}`;
  if (copy.enum !== undefined || copy.type === "boolean" || copy.type === "integer") {
    return orReference(copy);
  }
  return copy;
}

function orReference(node: SchemaNode): SchemaNode {
  const { title, description, default: fallback, examples, ...constraint } = node;
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(examples === undefined ? {} : { examples }),
    anyOf: [constraint, { type: "string", pattern: reference }],
  };
}

/** The published schema as the text of a file. */
export const schemaText = (presets: readonly Provider[]): string =>
  `${JSON.stringify(publishedSchema(presets), null, 2)}\n`;
