// Multipart forms as OpenAI reads them; anything a strict parser would stumble over is refused.

export interface FormPart {
  name: string;
  fileName?: string;
  type?: string;
  bytes: Buffer;
}

/** The parts of a form; a text says what is wrong with it. */
export function parseForm(contentType: string, body: Uint8Array): FormPart[] | string {
  const boundary = /^multipart\/form-data;\s*boundary="?([^";]+)"?$/i.exec(contentType)?.[1];
  if (boundary === undefined) return "no boundary";
  const whole = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const opening = Buffer.from(`--${boundary}\r\n`);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  if (!whole.subarray(0, opening.length).equals(opening)) return "no opening boundary";
  const parts: FormPart[] = [];
  let at = opening.length;
  for (;;) {
    const head = whole.indexOf("\r\n\r\n", at);
    const end = whole.indexOf(delimiter, head + 2);
    if (head < 0 || end < 0) return "a part has no end";
    const headers = whole.toString("utf8", at, head).split("\r\n");
    const disposition = headers.find((line) => /^content-disposition:/i.test(line)) ?? "";
    const name = /; name="([^"]*)"/.exec(disposition)?.[1];
    if (name === undefined) return "a part has no name";
    const fileName = /; filename="([^"]*)"/.exec(disposition)?.[1];
    const type = headers
      .find((line) => /^content-type:/i.test(line))
      ?.slice(13)
      .trim();
    parts.push({
      name,
      ...(fileName === undefined ? {} : { fileName }),
      ...(type === undefined ? {} : { type }),
      bytes: whole.subarray(head + 4, end),
    });
    const after = whole.toString("latin1", end + delimiter.length, end + delimiter.length + 2);
    if (after === "--") return parts;
    if (after !== "\r\n") return "a boundary without a line break";
    at = end + delimiter.length + 2;
  }
}
