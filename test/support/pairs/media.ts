// Small real media, and how the doubles describe them once they arrived whole.

/** A PNG of one pixel. */
export const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** The least that is a PDF. */
export const pdf = Buffer.from(
  "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
).toString("base64");

export const bytesOf = (base64: string): number => Buffer.from(base64, "base64").length;

export const pngShown = `[image image/png ${bytesOf(png)} bytes]`;
export const pdfShown = `[file application/pdf ${bytesOf(pdf)} bytes]`;
