// What base64 data really is, by its first bytes.

/** First bytes of each format, as Latin-1. */
const magic: readonly (readonly [RegExp, string])[] = [
  [/^\x89PNG\r\n\x1a\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8[79]a/, "image/gif"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
  [/^%PDF-/, "application/pdf"],
];

/** The media type of base64 `data`; undefined for what has no known beginning. @example sniffMediaType("JVBERi0xLjQ=") // → "application/pdf" */
export function sniffMediaType(data: string): string | undefined {
  const start = Buffer.from(data.slice(0, 24), "base64").toString("latin1");
  return magic.find(([pattern]) => pattern.test(start))?.[1];
}
