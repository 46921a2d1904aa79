// OpenAI's rules for the content of items: which role may hold which kind, and what files and pictures are.
import type { JsonObject } from "../../../src/lib/json.ts";
import { decodeBase64, imageType, isPdf, parseDataUrl } from "./media.ts";
import { given } from "./openai-fields.ts";
import { dotted, invalid, listed } from "./openai-wording.ts";
import { objects, type Path } from "./shape.ts";
import type { Refusal } from "./upstream.ts";

const forAssistant = ["output_text", "refusal"];
const forOthers = ["input_text", "input_image", "input_file"];

/** Judges the content of messages and the outputs of calls. */
export function refuseItemContent(items: readonly JsonObject[]): Refusal | undefined {
  for (const [index, item] of items.entries()) {
    const isMessage = item["type"] === undefined || item["type"] === "message";
    const key = isMessage ? "content" : "output";
    for (const [at, part] of objects(item[key]).entries()) {
      const path: Path = ["input", index, key, at];
      const allowed = item["role"] === "assistant" ? forAssistant : forOthers;
      if (isMessage && !allowed.includes(String(part["type"]))) {
        return invalid({
          message: `Invalid value: '${String(part["type"])}'. Supported values are: ${listed(allowed)}.`,
          param: dotted(path),
          code: "invalid_value",
        });
      }
      const refusal = refuseMedia(part, path);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

function refuseMedia(part: JsonObject, path: Path): Refusal | undefined {
  if (part["type"] === "input_image") return refuseImage(part, path);
  return part["type"] === "input_file" ? refuseFile(part, path) : undefined;
}

const imageTypes: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/jpg",
  "image/gif",
  "image/webp",
]);

function refuseImage(part: JsonObject, path: Path): Refusal | undefined {
  const url = part["image_url"];
  if (typeof url !== "string") {
    return given(part["file_id"])
      ? undefined
      : invalid({
          message: `Missing required parameter: '${dotted([...path, "image_url"])}'.`,
          param: dotted([...path, "image_url"]),
          code: "missing_required_parameter",
        });
  }
  const param = dotted([...path, "image_url"]);
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return undefined;
  const data = parseDataUrl(url);
  if (data === undefined) {
    return invalid({
      message: `Invalid '${param}'. Expected a valid URL, but got a value with an invalid format.`,
      param,
      code: "invalid_value",
    });
  }
  const bytes = decodeBase64(data.data);
  if (bytes === undefined) {
    return invalid({
      message: `Invalid '${param}'. Expected a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got an invalid base64-encoded value.`,
      param,
      code: "invalid_value",
    });
  }
  return imageTypes.has(data.mediaType) && imageType(bytes) !== undefined
    ? undefined
    : invalid({
        message:
          "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].",
        code: "invalid_image_format",
      });
}

function refuseFile(part: JsonObject, path: Path): Refusal | undefined {
  if (given(part["file_id"]) || given(part["file_url"])) return undefined;
  const param = dotted([...path, "file_data"]);
  if (!given(part["file_data"])) {
    return invalid({
      message: `Missing required parameter: '${dotted([...path, "file_id"])}'.`,
      param: dotted([...path, "file_id"]),
      code: "missing_required_parameter",
    });
  }
  const wrong = (but: string): Refusal =>
    invalid({
      message: `Invalid file data: '${param}'. Expected a base64-encoded data URL with a valid file MIME type (e.g. 'data:text/plain;base64,SGVsbG8sIFdvcmxkIQ=='), but got ${but}`,
      param,
      code: "invalid_value",
    });
  const data = parseDataUrl(String(part["file_data"]));
  if (data === undefined) return wrong("a value without the 'data:' prefix.");
  if (!/^(?:text\/|application\/)/.test(data.mediaType)) {
    return wrong(
      `unsupported MIME type '${data.mediaType}'. Please see https://platform.openai.com/docs/assistants/tools/file-search#supported-files for supported file types.`,
    );
  }
  const bytes = decodeBase64(data.data);
  return bytes === undefined || (data.mediaType === "application/pdf" && !isPdf(bytes))
    ? wrong("an invalid base64-encoded value.")
    : undefined;
}
