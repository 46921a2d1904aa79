// The shape of Converse requests: every structure, union and constraint of Amazon's service model.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
import { z } from "zod";
import { isObject } from "../../../src/lib/json.ts";

type Fields = Record<string, z.ZodType>;

/** The shapes of the requests; one time for a service that ignores unknown members, one time for a strict one. */
export interface ConverseShapes {
  converse: z.ZodType;
  countTokens: z.ZodType;
}

/** `unknownMembers`: what the service model does not know is dropped, as Amazon does, or a fault. */
export function converseShapes(unknownMembers: "ignore" | "refuse"): ConverseShapes {
  return unknownMembers === "refuse" ? strictShapes : looseShapes;
}

/** JSON of any kind: what Amazon calls a document. */
const anything = z.unknown();
const object = z.record(z.string(), z.unknown());
const base64 = z.string().regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
const name = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-zA-Z0-9_-]+$/);
const useId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-zA-Z0-9_.:-]+$/);

function build(strict: boolean): ConverseShapes {
  const structure = (fields: Fields) => (strict ? z.strictObject(fields) : z.object(fields));
  /** Exactly one member is set; null is not set. */
  const union = (title: string, members: Fields) => {
    const names = Object.keys(members);
    const optional = Object.fromEntries(names.map((key) => [key, members[key]?.nullish()]));
    return structure(optional as Fields).check((payload) => {
      const given = payload.value;
      const set = isObject(given)
        ? names.filter((key) => given[key] !== undefined && given[key] !== null)
        : [];
      if (set.length === 1) return;
      payload.issues.push({
        code: "custom",
        input: given,
        path: [],
        message: `${title} object at {path} must set one of the following keys: ${names.join(", ")}.`,
      });
    });
  };

  const cachePoint = structure({ type: z.literal("default"), ttl: z.enum(["5m", "1h"]).nullish() });
  const s3Location = structure({
    uri: z
      .string()
      .min(1)
      .max(1024)
      .regex(/^s3:\/\/[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](?:\/.*)?$/),
    bucketOwner: z
      .string()
      .regex(/^[0-9]{12}$/)
      .nullish(),
  });
  const media = (title: string) => union(title, { bytes: base64.min(1), s3Location });
  const error = structure({ message: z.string() }).nullish();
  const image = structure({
    format: z.enum(["png", "jpeg", "gif", "webp"]),
    source: media("ImageSource"),
    error,
  });
  const citationsConfig = structure({ enabled: z.boolean() }).nullish();
  const document = structure({
    format: z.enum(["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"]).nullish(),
    name: z.string().min(1).max(200),
    source: union("DocumentSource", {
      bytes: base64.min(1),
      s3Location,
      text: z.string().min(1),
      content: z.array(union("DocumentContentBlock", { text: z.string().min(1) })),
    }),
    context: z.string().nullish(),
    citations: citationsConfig,
  });
  const video = structure({
    format: z.enum(["mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"]),
    source: media("VideoSource"),
  });
  const audio = structure({
    format: z.enum([
      "mp3",
      "opus",
      "wav",
      "aac",
      "flac",
      "mp4",
      "ogg",
      "mkv",
      "mka",
      "x-aac",
      "m4a",
      "mpeg",
      "mpga",
      "pcm",
      "webm",
    ]),
    source: media("AudioSource"),
    error,
  });
  const searchResult = structure({
    source: z.string(),
    title: z.string(),
    content: z.array(structure({ text: z.string() })),
    citations: citationsConfig,
  });
  const toolResult = structure({
    toolUseId: useId,
    content: z.array(
      union("ToolResultContentBlock", {
        json: anything,
        text: z.string(),
        image,
        document,
        video,
        searchResult,
      }),
    ),
    status: z.enum(["success", "error"]).nullish(),
    type: z.string().nullish(),
  });
  const guardContent = union("GuardrailConverseContentBlock", {
    text: structure({
      text: z.string(),
      qualifiers: z.array(z.enum(["grounding_source", "query", "guard_content"])).nullish(),
    }),
    image: structure({
      format: z.enum(["png", "jpeg"]),
      source: union("GuardrailConverseImageSource", { bytes: base64.min(1) }),
    }),
  });
  const content = union("ContentBlock", {
    text: z.string(),
    image,
    document,
    video,
    audio,
    toolUse: structure({ toolUseId: useId, name, input: anything, type: z.string().nullish() }),
    toolResult,
    guardContent,
    cachePoint,
    reasoningContent: union("ReasoningContentBlock", {
      reasoningText: structure({ text: z.string(), signature: z.string().nullish() }),
      redactedContent: base64,
    }),
    citationsContent: structure({
      content: z.array(union("CitationGeneratedContent", { text: z.string() })).nullish(),
      citations: z.array(object).nullish(),
    }),
    searchResult,
  });
  const message = structure({
    role: z.enum(["user", "assistant", "system"]),
    content: z.array(content),
  });
  const tool = union("Tool", {
    toolSpec: structure({
      name,
      description: z.string().min(1).nullish(),
      inputSchema: union("ToolInputSchema", { json: object }),
      strict: z.boolean().nullish(),
    }),
    systemTool: structure({ name }),
    cachePoint,
  });
  const shared: Fields = {
    messages: z.array(message).nullish(),
    system: z
      .array(union("SystemContentBlock", { text: z.string().min(1), guardContent, cachePoint }))
      .nullish(),
    toolConfig: structure({
      tools: z.array(tool).min(1),
      toolChoice: union("ToolChoice", {
        auto: structure({}),
        any: structure({}),
        tool: structure({ name }),
      }).nullish(),
    }).nullish(),
    additionalModelRequestFields: object.nullish(),
  };
  const converse = structure({
    ...shared,
    inferenceConfig: structure({
      maxTokens: z.number().int().min(1).nullish(),
      temperature: z.number().min(0).max(1).nullish(),
      topP: z.number().min(0).max(1).nullish(),
      stopSequences: z.array(z.string().min(1)).max(2500).nullish(),
    }).nullish(),
    guardrailConfig: structure({
      guardrailIdentifier: z.string().nullish(),
      guardrailVersion: z
        .string()
        .regex(/^(?:[1-9][0-9]{0,7}|DRAFT)$/)
        .nullish(),
      trace: z.enum(["enabled", "disabled", "enabled_full"]).nullish(),
      streamProcessingMode: z.enum(["sync", "async"]).nullish(),
    }).nullish(),
    promptVariables: object.nullish(),
    additionalModelResponseFieldPaths: z.array(z.string().min(1).max(256)).max(10).nullish(),
    requestMetadata: z.record(z.string(), z.string()).nullish(),
    performanceConfig: structure({
      latency: z.enum(["standard", "optimized"]).nullish(),
    }).nullish(),
    serviceTier: structure({ type: z.enum(["priority", "default", "flex", "reserved"]) }).nullish(),
    outputConfig: structure({
      textFormat: structure({
        type: z.literal("json_schema"),
        structure: union("OutputFormatStructure", {
          jsonSchema: structure({
            schema: z.string(),
            name: z.string().nullish(),
            description: z.string().nullish(),
          }),
        }),
      }).nullish(),
      effort: z.string().nullish(),
    }).nullish(),
  });
  const countTokens = structure({
    input: union("CountTokensInput", {
      invokeModel: structure({ body: base64 }),
      converse: structure(shared),
    }),
  });
  return { converse, countTokens };
}

const looseShapes = build(false);
const strictShapes = build(true);
