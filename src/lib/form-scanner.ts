// Finds the fields of a multipart form while it streams by: where each value stands, not what is in it.
// https://www.rfc-editor.org/rfc/rfc7578

/** The form breaks its own rules; `message` says how. */
export class FormError extends Error {
  override readonly name = "FormError";
}

export interface FormField {
  name: string;
  /** Present for files. */
  fileName?: string;
  /** Place of the value in the whole form, bytes; end exclusive. */
  start: number;
  end: number;
  /** The value of a short field that is no file. */
  text?: string;
}

export interface FormScanner {
  /** Fields that `chunk` completes. @throws FormError */
  push(chunk: Uint8Array): FormField[];
  /** @throws FormError when the form is not complete */
  end(): void;
}

/** Values that are kept as text are no longer than this. */
const maxTextBytes = 64 * 1024;
const maxHeaderBytes = 16 * 1024;
const maxFields = 1_000;
const maxJoint = 1_024;
const maxBoundary = 70;

/** The boundary in a `content-type`; undefined when it is no multipart form. @example boundaryOf('multipart/form-data; boundary="x"') // → "x" */
export function boundaryOf(contentType: string | null): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType ?? "")) return undefined;
  const [match, ...others] = (contentType ?? "").matchAll(
    /;\s*boundary\*?=(?:"([^"\r\n]{1,200})"|([^;\s"]{1,200}))/gi,
  );
  // Of two, whoever reads the form next might take the other one.
  if (others.length > 0) return undefined;
  const boundary = match?.[1] ?? match?.[2];
  return boundary !== undefined && boundary.length <= maxBoundary ? boundary : undefined;
}

type State =
  | { in: "preamble" }
  | { in: "headers" }
  | {
      in: "value";
      name: string;
      fileName: string | undefined;
      start: number;
      pieces: Uint8Array[] | null;
      size: number;
    }
  | { in: "epilogue" };

export function createFormScanner(boundary: string): FormScanner {
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  // The first delimiter needs no line break before it: one is put there.
  let rest: Buffer = Buffer.from("\r\n");
  /** Place of `rest` in the form. */
  let offset = -2;
  let state: State = { in: "preamble" };
  let fields = 0;

  const drop = (count: number): void => {
    rest = rest.subarray(count);
    offset += count;
  };

  /** What of a value has surely passed. */
  const pass = (count: number): void => {
    if (state.in === "value" && state.pieces) {
      state.size += count;
      if (state.size > maxTextBytes) state.pieces = null;
      else state.pieces.push(Buffer.from(rest.subarray(0, count)));
    }
    drop(count);
  };

  const finishValue = (): FormField[] => {
    if (state.in !== "value") return [];
    const { name, fileName, start, pieces } = state;
    fields += 1;
    if (fields > maxFields) throw new FormError(`more than ${maxFields} fields`);
    return [
      {
        name,
        ...(fileName !== undefined && { fileName }),
        start,
        end: offset,
        ...(pieces && { text: Buffer.concat(pieces).toString("utf8") }),
      },
    ];
  };

  /** One step; null when more bytes are needed. */
  const step = (): FormField[] | null => {
    if (state.in === "epilogue") {
      drop(rest.length);
      return null;
    }
    if (state.in === "headers") {
      const end = rest.indexOf("\r\n\r\n");
      if ((end < 0 ? rest.length : end) > maxHeaderBytes) {
        throw new FormError("a part's headers do not end");
      }
      if (end < 0) return null;
      const head = rest.toString("utf8", 0, end);
      drop(end + 4);
      const { name, fileName } = readDisposition(head);
      const pieces = fileName === undefined ? [] : null;
      state = { in: "value", name, fileName, start: offset, pieces, size: 0 };
      return [];
    }
    const at = rest.indexOf(delimiter);
    if (at < 0) {
      pass(Math.max(0, rest.length - delimiter.length + 1));
      return null;
    }
    // What follows the delimiter decides: another part, or the end.
    if (rest.length < at + delimiter.length + 2) {
      pass(at);
      return null;
    }
    pass(at);
    const found = finishValue();
    const after = rest.toString("latin1", delimiter.length, delimiter.length + 2);
    if (after === "--") state = { in: "epilogue" };
    else if (after === "\r\n") state = { in: "headers" };
    else throw new FormError("a boundary is followed by something else than a line break");
    drop(delimiter.length + 2);
    // A part without headers begins with its empty line at once.
    return found;
  };

  return {
    push(chunk) {
      const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const found: FormField[] = [];
      const run = (): void => {
        for (let fresh = step(); fresh !== null; fresh = step()) found.push(...fresh);
      };
      // What is left over is joined to a little of the chunk, so that a large one need not be copied.
      const joint = Math.min(view.length, maxJoint);
      rest = Buffer.concat([rest, view.subarray(0, joint)]);
      run();
      if (joint < view.length) {
        rest =
          rest.length <= joint
            ? view.subarray(joint - rest.length)
            : Buffer.concat([rest, view.subarray(joint)]);
        run();
      }
      // Nor is it kept for the sake of its last bytes.
      rest = Buffer.from(rest);
      return found;
    },
    end() {
      if (state.in !== "epilogue") throw new FormError("the form ends before its last boundary");
    },
  };
}

function readDisposition(head: string): { name: string; fileName: string | undefined } {
  const [line = "", ...others] = head
    .split(/\r\n|\n|\r/)
    .filter((each) => /^content-disposition\s*:/i.test(each));
  const given = [...line.matchAll(parameters)].map(([, name = "", quoted, plain = ""]) => ({
    name: name.toLowerCase(),
    value: quoted?.replaceAll(/\\(["\\])/g, "$1") ?? plain.trim(),
  }));
  const names = given.filter(({ name }) => /^name(?:\*\d*)*$/.test(name));
  const [first] = names;
  if (first?.name !== "name") throw new FormError("a part has no name");
  // Whoever reads the form next might find another name in it.
  if (others.length > 0 || names.length > 1 || first.value.includes("\\")) {
    throw new FormError("a part's name can be read in two ways");
  }
  return { name: first.value, fileName: given.find(({ name }) => name === "filename")?.value };
}

/** One after the other, so that what stands within a quoted text is none. */
const parameters = /;\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/g;
