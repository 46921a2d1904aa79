// What bytes sent as base64 really are.

/** The bytes of standard base64 text, or undefined when the text is not that. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length % 4 !== 0) return undefined;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, "base64");
}

/** The image type that the first bytes show. */
export function imageType(bytes: Uint8Array): string | undefined {
  const ascii = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  if (ascii.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (ascii.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (ascii.startsWith("GIF87a") || ascii.startsWith("GIF89a")) return "image/gif";
  if (ascii.startsWith("RIFF") && ascii.slice(8, 12) === "WEBP") return "image/webp";
  return undefined;
}

export const isPdf = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, 1024)).toString("latin1").includes("%PDF-");

/** The parts of a base64 data URL; `mediaType` is in lower case. */
export function parseDataUrl(url: string): { mediaType: string; data: string } | undefined {
  const match = /^data:([^;,]+)(?:;[^;,]+=[^;,]*)*;base64,(.*)$/is.exec(url);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { mediaType: match[1].toLowerCase(), data: match[2] };
}

/** How the default answer names a piece of media, so that a test sees that it arrived whole. */
export function describeMedia(kind: string, mediaType: string, base64: string): string {
  return `[${kind} ${mediaType} ${Buffer.from(base64, "base64").length} bytes]`;
}
