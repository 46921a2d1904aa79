// What of a request is no text: how much of its body that is, and how many tokens it can count for.
import type { ChatRequest, MediaSource, Part } from "../ir/chat.ts";

export interface MediaCount {
  /** Characters of the body that are base64. */
  bytes: number;
  pictures: number;
  /** Most tokens of what is bounded by its size. */
  tokens: number;
  /** There is something whose tokens only the model's window bounds: files, and whatever lies elsewhere. */
  isOpen: boolean;
  /** There may be sound. */
  hasAudio: boolean;
}

/**
 * Tokens of one picture at most, by the name of the model: with the largest tiling that vendors count, and for
 * models that count pictures dearer on purpose.
 * https://platform.openai.com/docs/guides/images-vision#calculating-costs
 */
export const mostPerPicture = (model: string): number =>
  /4o-mini|4\.1-(?:mini|nano)|o4-mini|gpt-5-(?:mini|nano)/.test(model) ? 50_000 : 6_000;

/** Uncompressed sound of the lowest quality that anybody sends has so many bytes for each token. */
const pcmBytesPerToken = 200;

/** @example mediaOf(request).pictures */
export function mediaOf(request: ChatRequest): MediaCount {
  const count: MediaCount = { bytes: 0, pictures: 0, tokens: 0, isOpen: false, hasAudio: false };
  for (const { parts } of request.messages) for (const part of parts) visit(part, count);
  return count;
}

function visit(part: Part, count: MediaCount): void {
  switch (part.type) {
    case "image":
      count.pictures += 1;
      count.bytes += inlineBytes(part.source);
      return;
    case "audio": {
      const bytes = inlineBytes(part.source);
      count.bytes += bytes;
      count.hasAudio = true;
      // Compressed silence has next to no bytes.
      if (bytes > 0 && isPcm(part.source)) count.tokens += Math.ceil(bytes / pcmBytesPerToken);
      else count.isOpen = true;
      return;
    }
    case "file":
      if (part.source.kind === "text") return;
      count.bytes += inlineBytes(part.source);
      count.isOpen = true;
      count.hasAudio ||= maySound(part.source);
      return;
    case "tool-result":
      for (const inner of part.parts) visit(inner, count);
      return;
    case "opaque":
      // Nobody here knows what it stands for.
      count.isOpen ||= /"file|"url|"uri/i.test(JSON.stringify(part.raw) ?? "");
      return;
    case "text":
    case "refusal":
    case "reasoning":
    case "tool-call":
      return;
    default:
      part satisfies never;
  }
}

const inlineBytes = (source: MediaSource): number =>
  source.kind === "base64" ? source.data.length : 0;

const isPcm = ({ mediaType = "" }: MediaSource): boolean => /wav|pcm|l16/i.test(mediaType);

/** Documents have no sound; what does not say what it is may have any. */
const maySound = ({ mediaType }: MediaSource): boolean =>
  mediaType === undefined || /audio|video|octet-stream/i.test(mediaType);
