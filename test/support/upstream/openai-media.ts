// OpenAI's operations on pictures and sound: what they refuse, and what they answer.
// https://platform.openai.com/docs/api-reference/images, https://platform.openai.com/docs/api-reference/audio
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { createEntry } from "./entry.ts";
import { openAiBroken } from "./openai-error.ts";
import { type FormPart, parseForm } from "./openai-form.ts";
import { jsonExchange } from "./openai-operations.ts";
import { invalid } from "./openai-wording.ts";
import type { Exchange } from "./play.ts";
import type { Judgement } from "./serve.ts";
import { countText } from "./tokens.ts";
import type { Recorded, Refusal } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

interface MediaOperation {
  models: RegExp;
  /** Fields that a request must have. */
  required: readonly string[];
  optional: readonly string[];
  /** Fields that must be files. */
  files?: readonly string[];
  maxFileBytes?: number;
  answer(fields: ReadonlyMap<string, string>, model: string, request: Recorded): Exchange;
}

const transcriptionFields = [
  "language",
  "prompt",
  "response_format",
  "temperature",
  "timestamp_granularities[]",
  "include[]",
  "stream",
  "chunking_strategy",
];
const imageFields = [
  "n",
  "size",
  "quality",
  "response_format",
  "user",
  "background",
  "moderation",
  "output_compression",
  "output_format",
  "stream",
  "partial_images",
  "style",
  "input_fidelity",
];

const operations: Readonly<Record<string, MediaOperation>> = {
  "/v1/images/generations": {
    models: /^(?:gpt-image-|dall-e-)/,
    required: ["prompt"],
    optional: imageFields,
    answer: (fields, model) => image(fields, model),
  },
  "/v1/images/edits": {
    models: /^(?:gpt-image-|dall-e-2)/,
    required: ["prompt"],
    optional: [...imageFields],
    files: ["image", "image[]", "mask"],
    maxFileBytes: 50 * 1024 * 1024,
    answer: (fields, model) => image(fields, model),
  },
  "/v1/images/variations": {
    models: /^dall-e-2$/,
    required: [],
    optional: ["n", "size", "response_format", "user"],
    files: ["image"],
    answer: (fields, model) => image(fields, model),
  },
  "/v1/audio/speech": {
    models: /^(?:tts-1|gpt-4o-mini-tts)/,
    required: ["input", "voice"],
    optional: ["instructions", "response_format", "speed", "stream_format"],
    answer: speech,
  },
  "/v1/audio/transcriptions": {
    models: /^(?:whisper-1|gpt-4o(?:-mini)?-transcribe)/,
    required: [],
    optional: transcriptionFields,
    files: ["file"],
    answer: transcript,
  },
  "/v1/audio/translations": {
    models: /^whisper-1$/,
    required: [],
    optional: ["prompt", "response_format", "temperature"],
    files: ["file"],
    answer: transcript,
  },
};

/** Whether a path's body is a form. */
export const takesForm = (path: string): boolean => operations[path]?.files !== undefined;

/** Undefined for other paths. */
export function judgeMedia(request: Recorded): Judgement | undefined {
  const operation = operations[request.path];
  if (!operation) return undefined;
  if (request.method !== "POST") {
    return {
      refusal: { ...invalid({ message: `Not allowed to ${request.method}.` }), status: 405 },
    };
  }
  const read = operation.files ? readForm(request, operation) : readJson(request);
  if ("status" in read) return { refusal: read };
  const refusal = refuse(read.fields, operation);
  if (refusal) return { refusal };
  const model = read.fields.get("model") ?? "";
  return { scripted: true, exchange: () => operation.answer(read.fields, model, request) };
}

interface Fields {
  fields: ReadonlyMap<string, string>;
}

function readJson({ parsed }: Recorded): Fields | Refusal {
  if (!isObject(parsed)) return invalid({ message: "We could not parse the JSON body." });
  return {
    fields: new Map(
      Object.entries(parsed).map(([name, value]) => [
        name,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
  };
}

function readForm(
  { headers, body }: Recorded,
  { files = [], maxFileBytes = 300 * 1024 * 1024 }: MediaOperation,
): Fields | Refusal {
  const parts = parseForm(headers["content-type"] ?? "", body);
  if (typeof parts === "string") {
    return invalid({ message: `Could not parse multipart form: ${parts}` });
  }
  const isFile = ({ name }: FormPart): boolean => files.includes(name);
  const wrong = parts.find((part) => isFile(part) !== (part.fileName !== undefined));
  if (wrong) return invalid({ message: `Invalid type for '${wrong.name}'.`, param: wrong.name });
  const found = parts.filter(isFile);
  if (found.length === 0) {
    return invalid({ message: `Missing required parameter: '${files[0]}'.`, param: files[0] });
  }
  if (found.some(({ bytes }) => bytes.length > maxFileBytes)) {
    return { ...invalid({ message: "Maximum content size limit exceeded." }), status: 413 };
  }
  return {
    fields: new Map(
      parts.filter((part) => !isFile(part)).map(({ name, bytes }) => [name, bytes.toString()]),
    ),
  };
}

function refuse(
  fields: ReadonlyMap<string, string>,
  { models, required, optional }: MediaOperation,
): Refusal | undefined {
  const missing = ["model", ...required].find((name) => !fields.has(name));
  if (missing !== undefined) {
    return invalid({
      message: `Missing required parameter: '${missing}'.`,
      param: missing,
      code: "missing_required_parameter",
    });
  }
  const unknown = [...fields.keys()].find(
    (name) => !["model", ...required, ...optional].includes(name),
  );
  if (unknown !== undefined) {
    return invalid({
      message: `Unknown parameter: '${unknown}'.`,
      param: unknown,
      code: "unknown_parameter",
    });
  }
  const model = fields.get("model") ?? "";
  if (models.test(model)) return undefined;
  return {
    ...invalid({
      message: `The model '${model}' does not exist or you do not have access to it.`,
      code: "model_not_found",
    }),
    status: 404,
  };
}

/** One pixel. */
const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

function image(fields: ReadonlyMap<string, string>, model: string): Exchange {
  const created = Math.floor(now() / 1000);
  const isBilled = model.startsWith("gpt-image");
  const entry = createEntry({
    id: createVendorId("img-"),
    model,
    inputTokens: isBilled ? countText(fields.get("prompt") ?? "") : 0,
    outputTokens: isBilled ? 272 : 0,
    stream: fields.get("stream") === "true",
  });
  const usage = {
    total_tokens: entry.inputTokens + entry.outputTokens,
    input_tokens: entry.inputTokens,
    output_tokens: entry.outputTokens,
    input_tokens_details: { text_tokens: entry.inputTokens, image_tokens: 0 },
  };
  if (entry.stream) {
    return events(
      [
        { type: "image_generation.partial_image", b64_json: png, partial_image_index: 0 },
        { type: "image_generation.completed", b64_json: png, created_at: created, usage },
      ],
      entry,
    );
  }
  const data = Array.from({ length: Number(fields.get("n") ?? 1) }, () => ({ b64_json: png }));
  return jsonExchange({ created, data, ...(isBilled && { usage }) }, entry);
}

function speech(fields: ReadonlyMap<string, string>, model: string): Exchange {
  const input = countText(fields.get("input") ?? "");
  const sound = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256));
  if (fields.get("stream_format") !== "sse") {
    return {
      stream: false,
      headers: { "content-type": "audio/mpeg" },
      frames: [{ text: "", bytes: sound }],
      terminalFrames: 1,
      errorFrame: (type, message) => openAiBroken(false, type, message),
    };
  }
  const usage = { input_tokens: input, output_tokens: 100, total_tokens: input + 100 };
  return events(
    [
      { type: "speech.audio.delta", audio: sound.toString("base64") },
      { type: "speech.audio.done", usage },
    ],
    createEntry({ id: "", model, inputTokens: input, outputTokens: 100, stream: true }),
  );
}

const heard = "Hello from the recording.";

function transcript(fields: ReadonlyMap<string, string>, model: string): Exchange {
  const isWhisper = model === "whisper-1";
  const entry = createEntry({
    id: createVendorId("tr-"),
    model,
    inputTokens: isWhisper ? 0 : 40,
    outputTokens: isWhisper ? 0 : countText(heard),
    stream: fields.get("stream") === "true" && !isWhisper,
  });
  const usage = isWhisper
    ? { type: "duration", seconds: 4 }
    : {
        type: "tokens",
        total_tokens: entry.inputTokens + entry.outputTokens,
        input_tokens: entry.inputTokens,
        input_token_details: { text_tokens: 0, audio_tokens: entry.inputTokens },
        output_tokens: entry.outputTokens,
      };
  if (entry.stream) {
    const words = heard.split(/(?= )/);
    return events(
      [
        ...words.map((delta) => ({ type: "transcript.text.delta", delta })),
        { type: "transcript.text.done", text: heard, usage },
      ],
      entry,
    );
  }
  if (fields.get("response_format") === "text") {
    return {
      ...jsonExchange(null),
      headers: { "content-type": "text/plain; charset=utf-8" },
      frames: [{ text: `${heard}\n` }],
    };
  }
  return jsonExchange({ text: heard, usage }, entry);
}

const events = (list: readonly JsonObject[], entry: Exchange["entry"]): Exchange => ({
  stream: true,
  headers: { "content-type": "text/event-stream; charset=utf-8" },
  frames: list.map((event) => ({ text: `data: ${JSON.stringify(event)}\n\n` })),
  terminalFrames: 1,
  entry,
  errorFrame: (type, message) => openAiBroken(true, type, message),
});
