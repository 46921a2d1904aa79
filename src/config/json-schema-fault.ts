// Whether a JSON Schema can be used at all: told when the configuration is read, not when an answer comes.
import { Validator } from "@cfworker/json-schema";

/** What is wrong with it; null: nothing. */
export function jsonSchemaFault(schema: Record<string, unknown>): string | null {
  try {
    new Validator(schema, "2020-12").validate({});
    return null;
  } catch (error) {
    return `the schema cannot be used: ${error instanceof Error ? error.message : "it is no JSON Schema"}`;
  }
}
