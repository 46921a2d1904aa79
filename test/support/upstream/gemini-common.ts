// Fields of Gemini requests that the Gemini API and Vertex AI know alike.
import { list, message, one, oneEnum } from "./google-table.ts";

export const schemaType = oneEnum(
  "Type",
  "TYPE_UNSPECIFIED",
  "STRING",
  "NUMBER",
  "INTEGER",
  "BOOLEAN",
  "ARRAY",
  "OBJECT",
  "NULL",
);
const toolType = oneEnum(
  "ToolType",
  "TOOL_TYPE_UNSPECIFIED",
  "GOOGLE_SEARCH_WEB",
  "GOOGLE_SEARCH_IMAGE",
  "URL_CONTEXT",
  "GOOGLE_MAPS",
  "FILE_SEARCH",
  "MEDIA_PROCESSING",
);
export const executableCode = message("ExecutableCode", () => ({
  id: one("string"),
  language: one(oneEnum("Language", "LANGUAGE_UNSPECIFIED", "PYTHON")),
  code: one("string"),
}));
export const codeExecutionResult = message("CodeExecutionResult", () => ({
  id: one("string"),
  outcome: one(
    oneEnum(
      "Outcome",
      "OUTCOME_UNSPECIFIED",
      "OUTCOME_OK",
      "OUTCOME_FAILED",
      "OUTCOME_DEADLINE_EXCEEDED",
    ),
  ),
  output: one("string"),
}));
export const toolCall = message("ToolCall", () => ({
  id: one("string"),
  toolType: one(toolType),
  args: one("struct"),
}));
export const toolResponse = message("ToolResponse", () => ({
  id: one("string"),
  toolType: one(toolType),
  response: one("struct"),
}));
export const videoMetadata = message("VideoMetadata", () => ({
  startOffset: one("duration"),
  endOffset: one("duration"),
  fps: one("float"),
}));
export const resolution = oneEnum(
  "MediaResolution",
  "MEDIA_RESOLUTION_UNSPECIFIED",
  "MEDIA_RESOLUTION_LOW",
  "MEDIA_RESOLUTION_MEDIUM",
  "MEDIA_RESOLUTION_HIGH",
  "MEDIA_RESOLUTION_ULTRA_HIGH",
);
export const partResolution = message("MediaResolution", () => ({
  level: one(resolution),
  numTokens: one("int32"),
}));
export const googleSearch = message("GoogleSearch", () => ({
  timeRangeFilter: one("struct"),
  searchTypes: one("struct"),
  excludeDomains: list("string"),
  blockingConfidence: one("string"),
}));
export const fileSearch = message("FileSearch", () => ({
  fileSearchStoreNames: list("string"),
  metadataFilter: one("string"),
  topK: one("int32"),
}));
export const thinkingConfig = message("ThinkingConfig", () => ({
  includeThoughts: one("bool"),
  thinkingBudget: one("int32"),
  thinkingLevel: one(
    oneEnum("ThinkingLevel", "THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"),
  ),
}));
export const imageConfig = message("ImageConfig", () => ({
  aspectRatio: one("string"),
  imageSize: one("string"),
  personGeneration: one("string"),
  prominentPeople: one("string"),
  imageOutputOptions: one("struct"),
}));
export const modelArmorConfig = message("ModelArmorConfig", () => ({
  promptTemplateName: one("string"),
  responseTemplateName: one("string"),
}));
const harm = (name: string): string => `HARM_CATEGORY_${name}`;
export const harmCategory = oneEnum(
  "HarmCategory",
  harm("UNSPECIFIED"),
  harm("HARASSMENT"),
  harm("HATE_SPEECH"),
  harm("SEXUALLY_EXPLICIT"),
  harm("DANGEROUS_CONTENT"),
  harm("CIVIC_INTEGRITY"),
  harm("JAILBREAK"),
);
export const harmThreshold = oneEnum(
  "HarmBlockThreshold",
  "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
  "BLOCK_LOW_AND_ABOVE",
  "BLOCK_MEDIUM_AND_ABOVE",
  "BLOCK_ONLY_HIGH",
  "BLOCK_NONE",
  "OFF",
);
export const taskType = oneEnum(
  "TaskType",
  "TASK_TYPE_UNSPECIFIED",
  "RETRIEVAL_QUERY",
  "RETRIEVAL_DOCUMENT",
  "SEMANTIC_SIMILARITY",
  "CLASSIFICATION",
  "CLUSTERING",
  "QUESTION_ANSWERING",
  "FACT_VERIFICATION",
  "CODE_RETRIEVAL_QUERY",
);
