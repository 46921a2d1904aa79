// Gemini's rules for tools: names, schemas, what may stand together, and which may be called.
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { configOf } from "./gemini-config.ts";
import { fromFields, invalidArgument, worded } from "./gemini-error.ts";
import type { Surface } from "./gemini-messages.ts";
import type { GeminiModel } from "./gemini-models.ts";
import { mixesAnyOf, schemaFaults, textsOf } from "./gemini-schema.ts";
import { objects, textOf } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

/** Functions that the client runs, of all tools. */
export const functionsOf = (body: JsonObject): JsonObject[] =>
  objects(body["tools"]).flatMap((tool) => objects(tool["functionDeclarations"]));

export const callingOf = (body: JsonObject): JsonObject => {
  const config = isObject(body["toolConfig"]) ? body["toolConfig"] : {};
  return isObject(config["functionCallingConfig"]) ? config["functionCallingConfig"] : {};
};

export function refuseGeminiTools(
  body: JsonObject,
  model: GeminiModel,
  surface: Surface,
): Refusal | undefined {
  return (
    refuseDeclarations(body, surface) ??
    refuseCombinations(body, model, surface) ??
    refuseCalling(body)
  );
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/;
const nameRule =
  "Invalid function name. Must start with a letter or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:) or dashes (-), with a maximum length of 64.";

function refuseDeclarations(body: JsonObject, surface: Surface): Refusal | undefined {
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const [index, tool] of objects(body["tools"]).entries()) {
    for (const [at, declared] of objects(tool["functionDeclarations"]).entries()) {
      const place = `GenerateContentRequest.tools[${index}].function_declarations[${at}]`;
      const name = textOf(declared["name"]) ?? "";
      if (!namePattern.test(name)) faults.push(`${place}.name: ${nameRule}`);
      if (seen.has(name)) return invalidArgument(`Duplicate function declaration found: ${name}`);
      seen.add(name);
      const refusal = refuseParameters(declared, { name, place, surface, faults });
      if (refusal !== undefined) return refusal;
    }
  }
  return faults.length > 0 ? fromFields(faults) : undefined;
}

interface Declared {
  name: string;
  place: string;
  surface: Surface;
  faults: string[];
}

function refuseParameters(
  declared: JsonObject,
  { name, place, surface, faults }: Declared,
): Refusal | undefined {
  for (const [field, jsonField] of [
    ["parameters", "parametersJsonSchema"],
    ["response", "responseJsonSchema"],
  ] as const) {
    const schema = declared[field];
    const jsonSchema = declared[jsonField];
    const jsonName = `${field}_json_schema`;
    if (schema !== undefined && jsonSchema !== undefined) {
      faults.push(`${place}.${jsonName}: only one of ${field} and ${jsonName} may be set.`);
    }
    if (jsonSchema !== undefined && !isObject(jsonSchema)) {
      faults.push(`${place}.${jsonName}: must be a JSON object.`);
    }
    if (isObject(jsonSchema) && field === "parameters" && notAnObject(jsonSchema)) {
      faults.push(`${place}.${jsonName}: schema should be of type object.`);
    }
    if (!isObject(schema)) continue;
    if (surface === "vertex" && mixesAnyOf(schema)) {
      return invalidArgument(
        `Unable to submit request because \`${name}\` functionDeclaration \`${field}\` schema specified other fields alongside any_of. When using any_of, it must be the only field set. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling`,
      );
    }
    if (field === "parameters" && schema["type"] !== undefined && schema["type"] !== "OBJECT") {
      return invalidArgument(
        `Unable to submit request because \`${name}\` functionDeclaration \`parameters\` schema should be of type OBJECT. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling`,
      );
    }
    faults.push(...schemaFaults(schema, `${place}.${field}`, true));
  }
  return undefined;
}

const notAnObject = (schema: JsonObject): boolean =>
  schema["type"] !== undefined && textOf(schema["type"])?.toLowerCase() !== "object";

function refuseCombinations(
  body: JsonObject,
  model: GeminiModel,
  surface: Surface,
): Refusal | undefined {
  const tools = objects(body["tools"]);
  const functions = functionsOf(body).length > 0;
  const builtIn = tools.some((tool) =>
    Object.keys(tool).some((key) => key !== "functionDeclarations"),
  );
  if (!model.combines) {
    if (functions && builtIn) {
      return worded(
        surface,
        "Tool use with function calling is unsupported",
        "Multiple tools are supported only when they are all search tools.",
      );
    }
    const json = textOf(configOf(body)["responseMimeType"]) ?? "";
    if (json === "" || json === "text/plain") return undefined;
    const user = functions ? "Function calling" : builtIn ? "Tool use" : undefined;
    return user === undefined
      ? undefined
      : worded(
          surface,
          `${user} with a response mime type: '${json}' is unsupported`,
          `controlled generation is not supported with ${functions ? "function calling" : "this tool"}.`,
        );
  }
  const config = isObject(body["toolConfig"]) ? body["toolConfig"] : {};
  return surface === "gemini" &&
    functions &&
    builtIn &&
    config["includeServerSideToolInvocations"] !== true
    ? invalidArgument(
        "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function calling.",
      )
    : undefined;
}

function refuseCalling(body: JsonObject): Refusal | undefined {
  const { mode, allowedFunctionNames } = callingOf(body);
  const declared = new Set(functionsOf(body).map((one) => one["name"]));
  const forces = mode === "ANY" || mode === "VALIDATED";
  // The vendor's own tools are enough for it.
  if (forces && objects(body["tools"]).length === 0) {
    return invalidArgument("Function calling config is set without function_declarations.");
  }
  const allowed = textsOf(allowedFunctionNames);
  if (allowed.length > 0 && !forces) {
    return invalidArgument(
      "Please set allowed_function_names only when function calling mode is ANY.",
    );
  }
  const unknown = allowed.find((name) => !declared.has(name));
  return unknown === undefined
    ? undefined
    : fromFields([
        `GenerateContentRequest.tool_config.function_calling_config.allowed_function_names: '${unknown}' is not among the function declarations.`,
      ]);
}
