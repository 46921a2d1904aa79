// Where requests hold JSON of the client's own: the schemas of tools and answers, examples, documents, labels.

/** Top-level members that hold such, in any wire. */
export const freeMembers: readonly string[] = [
  "tools",
  "functions",
  "toolConfig",
  "tool_config",
  "response_format",
  "text",
  "output_config",
  "outputConfig",
  "generationConfig",
  "generation_config",
  "format",
  "documents",
  "metadata",
];

/** Keys in them under which it stands. What is beside it the gateway reads itself. */
export const freeKeys: ReadonlySet<string> = new Set([
  "parameters",
  "input_schema",
  "inputSchema",
  "input_examples",
  "schema",
  "json_schema",
  "parametersJsonSchema",
  "parameters_json_schema",
  "response",
  "responseSchema",
  "response_schema",
  "responseJsonSchema",
  "response_json_schema",
  "format",
  "data",
  "metadata",
]);
