// Images of Ollama: bare base64, both ways.
import type { ImagePart } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import { sniffMediaType } from "../../lib/media-type.ts";
import { sourceOfUrl } from "../openai-media.ts";
import { kindOf, optionalArray, reject } from "./wire.ts";

/** The `images` of a message or of a whole request. Some clients send data URLs. */
export function decodeImages(object: JsonObject, path: string): ImagePart[] {
  return (optionalArray(object, "images", path) ?? []).map((item, index) => {
    const place = path === "" ? `images[${index}]` : `${path}.images[${index}]`;
    if (typeof item !== "string") return reject(place, `expected base64 text, got ${kindOf(item)}`);
    return imageOf(item);
  });
}

export function imageOf(text: string): ImagePart {
  const source = sourceOfUrl(text, "image/png");
  if (source.kind === "base64") return { type: "image", source };
  const mediaType = sniffMediaType(text) ?? "image/png";
  return { type: "image", source: { kind: "base64", data: text, mediaType } };
}

/** Undefined for an image by URL or id: the server fetches nothing. */
export const encodeImage = ({ source }: ImagePart): string | undefined =>
  source.kind === "base64" ? source.data : undefined;
