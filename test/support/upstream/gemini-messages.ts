// The fields of Gemini requests, as the Gemini API and Vertex AI each know them.
// https://ai.google.dev/api/generate-content, https://cloud.google.com/vertex-ai/docs/reference/rest
import {
  codeExecutionResult,
  executableCode,
  fileSearch,
  googleSearch,
  harmCategory,
  harmThreshold,
  imageConfig,
  modelArmorConfig,
  partResolution,
  resolution,
  schemaType,
  taskType,
  thinkingConfig,
  toolCall,
  toolResponse,
  videoMetadata,
} from "./gemini-common.ts";
import type { Message } from "./google-proto.ts";
import { list, map, message, one, oneEnum, oneof, type Fields } from "./google-table.ts";

/** Who is spoken to: the two know slightly different fields. */
export type Surface = "gemini" | "vertex";

export interface GeminiMessages {
  packageName: string;
  generate: Message;
  count: Message;
  embed: Message;
  batchEmbed: Message;
}

/** Tables for requests to one of the two. */
export const geminiMessages = (surface: Surface): GeminiMessages =>
  (tables[surface] ??= createMessages(surface));

// Made at the first use: the tables refer to each other.
const tables: Partial<Record<Surface, GeminiMessages>> = {};

function createMessages(surface: Surface): GeminiMessages {
  /** Fields that only one of the two knows. */
  const only = (which: Surface, fields: Fields): Fields => (which === surface ? fields : {});

  const schema: Message = message("Schema", () => ({
    type: one(schemaType),
    format: one("string"),
    title: one("string"),
    description: one("string"),
    nullable: one("bool"),
    default: one("value"),
    example: one("value"),
    enum: list("string"),
    items: one(schema),
    minItems: one("int64"),
    maxItems: one("int64"),
    properties: map(schema),
    propertyOrdering: list("string"),
    required: list("string"),
    minProperties: one("int64"),
    maxProperties: one("int64"),
    minimum: one("float"),
    maximum: one("float"),
    minLength: one("int64"),
    maxLength: one("int64"),
    pattern: one("string"),
    anyOf: list(schema),
    ...only("vertex", {
      additionalProperties: one("value"),
      ref: one("string"),
      defs: map(schema),
    }),
  }));

  const named = only("vertex", { displayName: one("string") });
  const blob = message("Blob", () => ({ mimeType: one("string"), data: one("bytes"), ...named }));
  const fileData = message("FileData", () => ({
    mimeType: one("string"),
    fileUri: one("string"),
    ...named,
  }));

  const functionCall = message("FunctionCall", () => ({
    id: one("string"),
    name: one("string"),
    args: one("struct"),
    ...only("vertex", { partialArgs: list("struct"), willContinue: one("bool") }),
  }));
  const functionResponsePart = message("FunctionResponsePart", () => ({
    inlineData: oneof("data", blob),
    fileData: oneof("data", fileData),
  }));
  const functionResponse = message("FunctionResponse", () => ({
    id: one("string"),
    name: one("string"),
    response: one("struct"),
    parts: list(functionResponsePart),
    willContinue: one("bool"),
    scheduling: one(
      oneEnum("Scheduling", "SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"),
    ),
  }));

  const part = message("Part", () => ({
    text: oneof("data", "string"),
    inlineData: oneof("data", blob),
    fileData: oneof("data", fileData),
    functionCall: oneof("data", functionCall),
    functionResponse: oneof("data", functionResponse),
    executableCode: oneof("data", executableCode),
    codeExecutionResult: oneof("data", codeExecutionResult),
    toolCall: oneof("data", toolCall),
    toolResponse: oneof("data", toolResponse),
    thought: one("bool"),
    thoughtSignature: one("bytes"),
    videoMetadata: one(videoMetadata),
    mediaResolution: one(partResolution),
    partMetadata: one("struct"),
  }));
  const content = message("Content", () => ({ role: one("string"), parts: list(part) }));

  const functionDeclaration = message("FunctionDeclaration", () => ({
    name: one("string"),
    description: one("string"),
    parameters: one(schema),
    parametersJsonSchema: one("value"),
    response: one(schema),
    responseJsonSchema: one("value"),
    ...only("gemini", {
      behavior: one(oneEnum("Behavior", "UNSPECIFIED", "BLOCKING", "NON_BLOCKING")),
    }),
  }));
  const tool = message("Tool", () => ({
    functionDeclarations: list(functionDeclaration),
    googleSearch: one(googleSearch),
    googleSearchRetrieval: one("struct"),
    codeExecution: one(message("CodeExecution", () => ({}))),
    urlContext: one(message("UrlContext", () => ({}))),
    computerUse: one("struct"),
    googleMaps: one("struct"),
    ...only("gemini", { fileSearch: one(fileSearch), mcpServers: list("struct") }),
    ...only("vertex", {
      retrieval: one("struct"),
      enterpriseWebSearch: one("struct"),
      parallelAiSearch: one("struct"),
      exaAiSearch: one("struct"),
    }),
  }));
  const toolConfig = message("ToolConfig", () => ({
    functionCallingConfig: one(functionCallingConfig),
    retrievalConfig: one("struct"),
    ...only("gemini", { includeServerSideToolInvocations: one("bool") }),
  }));
  const functionCallingConfig = message("FunctionCallingConfig", () => ({
    mode: one(oneEnum("Mode", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")),
    allowedFunctionNames: list("string"),
    ...only("vertex", { streamFunctionCallArguments: one("bool") }),
  }));

  const generationConfig = message("GenerationConfig", () => ({
    temperature: one("float"),
    topP: one("float"),
    topK: one("float"),
    candidateCount: one("int32"),
    maxOutputTokens: one("int32"),
    stopSequences: list("string"),
    presencePenalty: one("float"),
    frequencyPenalty: one("float"),
    seed: one("int32"),
    responseLogprobs: one("bool"),
    logprobs: one("int32"),
    responseMimeType: one("string"),
    responseSchema: one(schema),
    responseJsonSchema: one("value"),
    responseFormat: one("value"),
    responseModalities: list(
      oneEnum("Modality", "MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"),
    ),
    thinkingConfig: one(thinkingConfig),
    mediaResolution: one(resolution),
    speechConfig: one("struct"),
    imageConfig: one(imageConfig),
    enableEnhancedCivicAnswers: one("bool"),
    ...only("vertex", {
      audioTimestamp: one("bool"),
      enableAffectiveDialog: one("bool"),
      routingConfig: one("struct"),
      modelSelectionConfig: one("struct"),
    }),
  }));

  const safetySetting = message("SafetySetting", () => ({
    category: one(harmCategory),
    threshold: one(harmThreshold),
    ...only("vertex", {
      method: one(
        oneEnum("HarmBlockMethod", "HARM_BLOCK_METHOD_UNSPECIFIED", "SEVERITY", "PROBABILITY"),
      ),
    }),
  }));

  const generate = message("GenerateContentRequest", () => ({
    model: one("string"),
    contents: list(content),
    systemInstruction: one(content),
    tools: list(tool),
    toolConfig: one(toolConfig),
    safetySettings: list(safetySetting),
    generationConfig: one(generationConfig),
    cachedContent: one("string"),
    ...only("gemini", { serviceTier: one("string"), store: one("bool") }),
    ...only("vertex", { labels: map("string"), modelArmorConfig: one(modelArmorConfig) }),
  }));
  const count = message("CountTokensRequest", () => ({
    model: one("string"),
    contents: list(content),
    ...only("gemini", { generateContentRequest: one(generate) }),
    ...only("vertex", {
      systemInstruction: one(content),
      tools: list(tool),
      generationConfig: one(generationConfig),
      instances: list("value"),
    }),
  }));
  const embed = message("EmbedContentRequest", () => ({
    model: one("string"),
    content: one(content),
    taskType: one(taskType),
    title: one("string"),
    outputDimensionality: one("int32"),
    ...only("vertex", { autoTruncate: one("bool"), embedContentConfig: one("struct") }),
  }));
  const batchEmbed = message("BatchEmbedContentsRequest", () => ({
    model: one("string"),
    requests: list(embed),
  }));

  const packageName =
    surface === "gemini"
      ? "google.ai.generativelanguage.v1beta"
      : "google.cloud.aiplatform.v1beta1";
  return { packageName, generate, count, embed, batchEmbed };
}
