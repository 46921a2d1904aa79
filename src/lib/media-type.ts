// What base64 data really is, by its first bytes.

/** First bytes of each format, as Latin-1, and how they go on after four bytes of length. */
const magic: readonly { start: string; next?: string; type: string }[] = [
  { start: "\x89PNG\r\n\x1a\n", type: "image/png" },
  { start: "\xff\xd8\xff", type: "image/jpeg" },
  { start: "GIF87a", type: "image/gif" },
  { start: "GIF89a", type: "image/gif" },
  { start: "RIFF", next: "WEBP", type: "image/webp" },
  { start: "%PDF-", type: "application/pdf" },
];

/** The media type of base64 `data`; undefined for what has no known beginning. @example sniffMediaType("JVBERi0xLjQ=") // → "application/pdf" */
export function sniffMediaType(data: string): string | undefined {
  const bytes = Buffer.from(data.slice(0, 24), "base64").toString("latin1");
  return magic.find(
    ({ start, next = "" }) => bytes.startsWith(start) && bytes.slice(8).startsWith(next),
  )?.type;
}
