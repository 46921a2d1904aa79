// What a field of the configuration carries besides its type: the references and editors show it.
import { z } from "zod";

/** JSON Schema's own names get lost behind transforms. */
export interface FieldMeta {
  description: string;
  /** A value as users write it. */
  sample: unknown;
  /** The default as users would write it. */
  fallback?: unknown;
  /** The default in words, where it is computed. */
  defaultText?: string;
  /** The value is a credential. */
  secret?: boolean;
  /** The type in words, where the bare one says too little. */
  kind?: string;
}

/** Attaches what the generated references and the editor show. */
export function field<T extends z.ZodType>(
  schema: T,
  description: string,
  sample: unknown,
  more: Pick<FieldMeta, "defaultText" | "secret"> = {},
): T {
  const known: unknown = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
  const fallback = more.defaultText === undefined && known !== undefined ? { fallback: known } : {};
  return schema.meta({ description, sample, ...fallback, ...more });
}
