// `json_schema`: an answer whose text is JSON that fits a schema.
import { Validator } from "@cfworker/json-schema";
import { type JsonObject, JsonError, parse } from "../../lib/json.ts";
import type { Check } from "../guardrail.ts";

export function jsonSchemaCheck(schema: JsonObject): Check {
  // Asked once: a schema that cannot be used is told at the start.
  const validator = new Validator(schema, "2020-12");
  return {
    by: "answer",
    fault(text) {
      try {
        return validator.validate(parse(text)).valid ? null : "schema";
      } catch (error) {
        if (error instanceof JsonError) return "json";
        // A schema that refers to what is not there.
        return "schema";
      }
    },
  };
}
