// The shape of the items in a Responses request's `input`.
// https://developers.openai.com/api/reference/resources/responses/methods/create
import { z } from "zod";
import { responsesTool } from "./responses-tool-shape.ts";
import { tagged, textOr } from "./shape.ts";

const text = z.string();
const anything = z.unknown().optional();
const status = z.enum(["in_progress", "completed", "incomplete"]).nullish();
const id = text.max(64).nullish();
/** The length that the vendor checks first of all. */
const callId = text.min(1).max(64);
const breakpoint = z
  .strictObject({ mode: z.literal("explicit"), ttl: z.enum(["30m", "12h"]).optional() })
  .optional();

const inputText = z.strictObject({
  type: z.literal("input_text"),
  text,
  prompt_cache_breakpoint: breakpoint,
});
const inputImage = z.strictObject({
  type: z.literal("input_image"),
  image_url: text.nullish(),
  file_id: text.nullish(),
  detail: z.enum(["auto", "low", "high", "original"]).nullish(),
  prompt_cache_breakpoint: breakpoint,
});
const inputFile = z.strictObject({
  type: z.literal("input_file"),
  file_data: text.nullish(),
  file_id: text.nullish(),
  file_url: text.nullish(),
  filename: text.nullish(),
  detail: z.enum(["auto", "low", "high"]).nullish(),
  prompt_cache_breakpoint: breakpoint,
});
const outputText = z.strictObject({
  type: z.literal("output_text"),
  text,
  annotations: z.array(anything).nullish(),
  logprobs: z.array(anything).nullish(),
});

/** Every kind of content there is; which role may hold which is judged later. */
const part = tagged({
  input_text: inputText,
  input_image: inputImage,
  output_text: outputText,
  refusal: z.strictObject({ type: z.literal("refusal"), refusal: text }),
  input_file: inputFile,
  computer_screenshot: z.strictObject({
    type: z.literal("computer_screenshot"),
    image_url: text.nullish(),
    file_id: text.nullish(),
  }),
  summary_text: z.strictObject({ type: z.literal("summary_text"), text }),
});

const outputs = textOr(
  tagged({ input_text: inputText, input_image: inputImage, input_file: inputFile }),
);
const caller = z
  .strictObject({ type: z.enum(["direct", "program"]), caller_id: text.optional() })
  .nullish();

const message = z.strictObject({
  type: z.literal("message").optional(),
  role: z.enum(["assistant", "system", "developer", "user"]),
  content: textOr(part),
  id,
  status,
  phase: z.enum(["commentary", "final_answer"]).nullish(),
});

/** Items that the vendor's own tools made; they come back as they were. */
const vendorItem = (type: string, fields: Record<string, z.ZodType>): z.ZodObject =>
  z.strictObject({ type: z.literal(type), id, status: text.nullish(), ...fields });

const members: Readonly<Record<string, z.ZodObject>> = {
  message,
  reasoning: z.strictObject({
    type: z.literal("reasoning"),
    id,
    summary: z.array(z.strictObject({ type: z.literal("summary_text"), text })),
    content: z.array(z.strictObject({ type: z.literal("reasoning_text"), text })).nullish(),
    encrypted_content: text.nullish(),
    status,
  }),
  function_call: z.strictObject({
    type: z.literal("function_call"),
    id,
    call_id: callId,
    name: text.regex(/^[a-zA-Z0-9_-]+$/).max(128),
    namespace: text.nullish(),
    arguments: text,
    async: z.boolean().optional(),
    caller,
    status,
  }),
  function_call_output: z.strictObject({
    type: z.literal("function_call_output"),
    id,
    call_id: callId,
    output: outputs,
    name: text.nullish(),
    namespace: text.nullish(),
    caller,
    status,
  }),
  custom_tool_call: z.strictObject({
    type: z.literal("custom_tool_call"),
    id,
    call_id: callId,
    name: text.max(128),
    namespace: text.nullish(),
    input: text,
    async: z.boolean().optional(),
    caller,
    status,
  }),
  custom_tool_call_output: z.strictObject({
    type: z.literal("custom_tool_call_output"),
    id,
    call_id: callId,
    output: outputs,
    name: text.nullish(),
    caller,
    status,
  }),
  item_reference: z.strictObject({ type: z.literal("item_reference"), id: text.max(64) }),
  additional_tools: z.strictObject({
    type: z.literal("additional_tools"),
    id,
    role: z.literal("developer"),
    tools: z.array(responsesTool),
  }),
  compaction: z.strictObject({ type: z.literal("compaction"), id, encrypted_content: text }),
  compaction_trigger: z.strictObject({ type: z.literal("compaction_trigger"), id }),
  configuration_update: vendorItem("configuration_update", {
    reasoning: anything,
    text: anything,
  }),
  tool_search_call: vendorItem("tool_search_call", {
    arguments: anything,
    call_id: text.nullish(),
    execution: z.enum(["server", "client"]).optional(),
  }),
  tool_search_output: vendorItem("tool_search_output", {
    tools: z.array(responsesTool),
    call_id: text.nullish(),
    execution: z.enum(["server", "client"]).optional(),
  }),
  web_search_call: vendorItem("web_search_call", { action: anything, results: anything }),
  file_search_call: vendorItem("file_search_call", {
    queries: z.array(text),
    results: anything,
  }),
  computer_call: vendorItem("computer_call", {
    call_id: callId,
    action: anything,
    actions: anything,
    pending_safety_checks: z.array(anything),
  }),
  computer_call_output: vendorItem("computer_call_output", {
    call_id: callId,
    output: anything,
    acknowledged_safety_checks: anything,
  }),
  code_interpreter_call: vendorItem("code_interpreter_call", {
    code: text.nullable(),
    container_id: text,
    outputs: anything,
  }),
  image_generation_call: vendorItem("image_generation_call", {
    action: anything,
    background: anything,
    error: anything,
    output_format: anything,
    quality: anything,
    result: text.nullish(),
    revised_prompt: anything,
    size: anything,
    svg_usage: anything,
  }),
  local_shell_call: vendorItem("local_shell_call", { action: anything, call_id: callId }),
  local_shell_call_output: vendorItem("local_shell_call_output", {
    call_id: callId.optional(),
    output: text,
  }),
  shell_call: vendorItem("shell_call", {
    action: anything,
    call_id: callId,
    caller,
    environment: anything,
  }),
  shell_call_output: vendorItem("shell_call_output", {
    call_id: callId,
    caller,
    max_output_length: anything,
    output: z.array(anything),
  }),
  apply_patch_call: vendorItem("apply_patch_call", {
    call_id: callId,
    caller,
    operation: anything,
  }),
  apply_patch_call_output: vendorItem("apply_patch_call_output", {
    call_id: callId,
    caller,
    output: text.nullish(),
  }),
  mcp_list_tools: vendorItem("mcp_list_tools", {
    server_label: text,
    tools: z.array(anything),
    error: anything,
  }),
  mcp_approval_request: vendorItem("mcp_approval_request", {
    arguments: text,
    name: text,
    server_label: text,
  }),
  mcp_approval_response: vendorItem("mcp_approval_response", {
    approval_request_id: text,
    approve: z.boolean(),
    reason: text.nullish(),
  }),
  mcp_call: vendorItem("mcp_call", {
    approval_request_id: text.nullish(),
    arguments: text,
    error: anything,
    name: text,
    output: text.nullish(),
    server_label: text,
  }),
  program: vendorItem("program", { call_id: callId, code: text, fingerprint: text }),
  program_output: vendorItem("program_output", { call_id: callId, result: text }),
};

/** Any item. The vendor's own agent sends one field more, which is not in the reference. */
export const responsesItem = tagged(
  Object.fromEntries(
    Object.entries(members).map(([type, member]) => [
      type,
      member.extend({ internal_chat_message_metadata_passthrough: anything }),
    ]),
  ),
  { fallback: "message" },
);
