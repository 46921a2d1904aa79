// A request body that is relayed without being understood: read as far as needed to route it, and given out again each time anew.
import type { JsonObject } from "../lib/json.ts";
import { JsonError, parse, parseObject, scan } from "../lib/json.ts";
import { boundaryOf, createFormScanner, FormError, type FormField } from "../lib/form-scanner.ts";
import { withMembers } from "../lib/json-members.ts";
import { GatewayError } from "../ir/error.ts";
import type { Exchange } from "./exchange.ts";
import { type BodyLimits, chunksOf, readBody } from "./inbound.ts";
import type { Sendable } from "./send.ts";
import { referencesIn } from "./objects.ts";
import { createSpool, type Spool } from "./spool.ts";

export interface Parcel {
  /** As the client wrote it; empty where the body names none. */
  model: string;
  stream: boolean;
  /** Ids of the provider's objects that the body goes by. */
  references: readonly string[];
  /** Names of a form's fields, without what stands in brackets behind them. */
  fields: readonly string[];
  /** What the body says under this name, at its top; of a form the text, or an object where that cannot be read. */
  field(name: string): unknown;
  /** Files in a form, and pictures that JSON names. */
  files: number;
  /** Bytes of all of it. */
  size: number;
  /** What it holds, for whoever looks into it. */
  parts: readonly ParcelPart[];
  /** Puts other bytes in the place of parts, in whatever is sent from now on. */
  replace(edits: readonly PartEdit[]): void;
  /** What is sent, with another name of the model in it and everything else as it came. */
  content(model: string): Pick<Sendable, "body" | "bodyBytes">;
  /** `content-type` to send it with; null where there is no body. */
  contentType: string | null;
  dispose(): Promise<void>;
}

/** A stretch of the body: all of it, or a field of a form. */
export interface ParcelPart {
  start: number;
  end: number;
  /** Of a form's field: its name, and the file's. */
  names: readonly string[];
  isFile: boolean;
  read(): AsyncIterable<Uint8Array>;
}

export interface PartEdit {
  start: number;
  end: number;
  bytes: Uint8Array;
}

/**
 * Reads what the client posted. JSON is held in memory; forms and everything else are set aside as they come.
 * `takesJson`: what is no form is JSON, whatever the client calls it, as on all paths that are not passed through.
 * @throws GatewayError `invalid_request`, `too_large`, `unsupported_encoding`
 */
export async function readParcel(current: Exchange, { takesJson = false } = {}): Promise<Parcel> {
  const { request } = current;
  const given = request.headers.get("content-type");
  const boundary = boundaryOf(given);
  if (boundary !== undefined) return readForm(current, boundary, given);
  if (/^multipart\/form-data\b/i.test(given ?? "")) {
    throw new GatewayError(
      "invalid_request",
      "The form's `boundary` is missing or not acceptable.",
    );
  }
  const contentType = takesJson ? "application/json" : given;
  if (contentType !== null && !/json/i.test(contentType)) return readOther(current, contentType);
  const { config } = current.generation;
  const { pacing } = current.services;
  let bytes = await readBody(request, {
    maxBytes: config.server.maxBodyBytes,
    patienceMs: pacing.bodyMs,
  });
  if (bytes.length === 0) return { ...nothing, contentType: null };
  // Lines of JSON, for one, are not one object.
  const isObject = /^application\/(?:[\w.-]+\+)?json\b/i.test(contentType ?? "application/json");
  const json = isObject ? jsonOf(bytes) : undefined;
  const model = json?.["model"];
  return {
    model: typeof model === "string" ? model : "",
    stream: json?.["stream"] === true || json?.["stream_format"] === "sse",
    references: referencesIn(json ?? looseJson(bytes)),
    fields: [],
    field: (name) => (json && Object.hasOwn(json, name) ? json[name] : undefined),
    files: json ? picturesIn(json) : 0,
    size: bytes.length,
    parts: [
      wholeOf(bytes.length, async function* () {
        yield bytes;
      }),
    ],
    replace([edit]) {
      if (edit) bytes = edit.bytes;
    },
    contentType: contentType ?? "application/json",
    content: (name) => ({
      body:
        typeof model === "string" && name !== model ? withMembers(bytes, { model: name }) : bytes,
    }),
    dispose: async () => {},
  };
}

/** What makes two parcels the same. Forms are written with another boundary each time: of them the model and the size count. */
export async function likenessOf({
  content,
  contentType,
  model,
}: Parcel): Promise<Uint8Array | string> {
  const { body, bodyBytes } = content(model);
  if (!(body instanceof ReadableStream)) return body ?? "";
  if (boundaryOf(contentType) !== undefined) return `${model} ${bodyBytes}`;
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const piece of body) hasher.update(piece);
  return hasher.digest("hex");
}

/** What edits are made from, where they are asked for in JSON. */
function picturesIn(json: JsonObject): number {
  const named = ["image", "images", "input_images", "reference_images", "mask"].map(
    (name) => json[name] ?? [],
  );
  return named.reduce<number>((sum, each) => sum + (Array.isArray(each) ? each.length : 1), 0);
}

const nothing: Parcel = {
  model: "",
  stream: false,
  references: [],
  fields: [],
  field: () => undefined,
  files: 0,
  size: 0,
  parts: [],
  replace: () => {},
  contentType: null,
  content: () => ({}),
  dispose: async () => {},
};

function jsonOf(bytes: Uint8Array): JsonObject {
  try {
    // Refuses what stands twice: of two models, the provider might take the other one.
    scan(bytes);
    return parseObject(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"),
    );
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError(
      "invalid_request",
      `The request body is not acceptable JSON: ${error.message}.`,
    );
  }
}

async function readForm(
  current: Exchange,
  boundary: string,
  contentType: string | null,
): Promise<Parcel> {
  const scanner = createFormScanner(boundary);
  const fields: FormField[] = [];
  const spool = await spoolBody(
    current,
    (chunk) => fields.push(...scanner.push(chunk)),
    () => scanner.end(),
  );
  try {
    const model = modelField(fields);
    const stream = fields.findLast(({ name }) => name === "stream" || name === "stream_format");
    const edits: PartEdit[] = [];
    return {
      model: model?.text ?? "",
      stream: stream?.text === "true" || stream?.text === "sse",
      references: referencesIn(
        fields.map(({ name, text }) => ({ [name.replace(/\[\d*\]$/, "")]: text })),
      ),
      fields: [...new Set(fields.map(({ name }) => name.replace(/\[.*$/s, "")))],
      field: (name) => formValue(fields, name),
      files: fields.filter(({ fileName }) => fileName !== undefined).length,
      size: spool.size,
      parts: fields.map(({ name, fileName, start, end }) => ({
        start,
        end,
        names: fileName === undefined ? [name] : [name, fileName],
        isFile: fileName !== undefined,
        read: () => spool.read(start, end),
      })),
      replace(found) {
        edits.push(...found);
      },
      contentType,
      content: (name) => formContent(spool, withModel(edits, model, name)),
      dispose: () => spool.dispose(),
    };
  } catch (error) {
    await spool.dispose();
    throw error;
  }
}

/** Of several the largest number, else the last: providers differ in which one they obey. */
function formValue(fields: readonly FormField[], name: string): unknown {
  const found = fields.filter((each) => each.name === name);
  const texts = found.map(({ text }) => text ?? null);
  const numbers = texts.map(Number).filter(Number.isFinite);
  if (found.length > 1 && numbers.length === texts.length) return String(Math.max(...numbers));
  // A file where a text is due may be taken for any.
  return texts.some((text) => text === null) ? {} : texts.at(-1);
}

/** @throws GatewayError `invalid_request`: of two, the provider might take the other one. */
function modelField(fields: readonly FormField[]): FormField | undefined {
  const found = fields.filter(({ name }) => name === "model");
  if (found.length < 2 && found[0]?.fileName === undefined) return found[0];
  throw new GatewayError("invalid_request", "The form must have one field `model`, and no file.", {
    param: "model",
  });
}

/** Audio and the like, sent as it is. */
async function readOther(current: Exchange, contentType: string): Promise<Parcel> {
  const spool = await spoolBody(
    current,
    () => {},
    () => {},
  );
  const edits: PartEdit[] = [];
  return {
    ...nothing,
    references: await referencesOf(
      spool,
      contentType,
      current.generation.config.server.maxBodyBytes,
    ),
    size: spool.size,
    parts: spool.size === 0 ? [] : [wholeOf(spool.size, () => spool.read(0, spool.size))],
    replace(found) {
      edits.push(...found);
    },
    contentType,
    content: () => formContent(spool, edits),
    dispose: () => spool.dispose(),
  };
}

/** Whatever the client calls it, a provider may read it as an object. */
async function referencesOf(
  spool: Spool,
  contentType: string,
  maxBytes: number,
): Promise<readonly string[]> {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(contentType);
  if (spool.size > maxBytes || !(isForm || (await startsAsObject(spool)))) return [];
  const pieces: Uint8Array[] = [];
  for await (const piece of spool.read(0, spool.size)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const pairs = isForm ? [...new URLSearchParams(bytes.toString("utf8"))] : [];
  return referencesIn([
    looseJson(bytes),
    ...pairs.map(([name, text]) => ({ [name.replace(/\[\d*\]$/, "")]: text })),
  ]);
}

async function startsAsObject(spool: Spool): Promise<boolean> {
  for await (const piece of spool.read(0, spool.size)) {
    const start = Buffer.from(piece)
      .toString("latin1")
      .replace(/^\u00EF\u00BB\u00BF/, "")
      .trimStart();
    if (start !== "") return start.startsWith("{");
  }
  return false;
}

function looseJson(bytes: Uint8Array): unknown {
  try {
    return parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        .toString("utf8")
        .replace(/^\uFEFF/, ""),
    );
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

async function spoolBody(
  { request, generation, services }: Exchange,
  look: (chunk: Uint8Array) => void,
  end: () => void,
): Promise<Spool> {
  const coding = request.headers.get("content-encoding") ?? "identity";
  if (coding.trim().toLowerCase() !== "identity") {
    throw new GatewayError("unsupported_encoding", "Uploads are taken uncompressed only.");
  }
  const limits: BodyLimits = {
    maxBytes: generation.config.server.maxUploadBytes,
    patienceMs: services.pacing.bodyMs,
    setting: "server.max_upload",
  };
  const spool = createSpool();
  try {
    for await (const chunk of chunksOf(request.body, limits)) {
      look(chunk);
      await spool.write(chunk);
    }
    end();
    return spool;
  } catch (error) {
    await spool.dispose();
    if (!(error instanceof FormError)) throw error;
    throw new GatewayError("invalid_request", `The form is not acceptable: ${error.message}.`);
  }
}

const wholeOf = (size: number, read: ParcelPart["read"]): ParcelPart => ({
  start: 0,
  end: size,
  names: [],
  isFile: false,
  read,
});

/** The model's name goes before whatever else is said of its field. */
function withModel(
  edits: readonly PartEdit[],
  model: FormField | undefined,
  name: string,
): readonly PartEdit[] {
  if (!model || model.text === name) return edits;
  const { start, end } = model;
  return [
    ...edits.filter((edit) => edit.start !== start),
    { start, end, bytes: Buffer.from(name, "utf8") },
  ];
}

function formContent(
  spool: Spool,
  edits: readonly PartEdit[],
): Pick<Sendable, "body" | "bodyBytes"> {
  if (spool.size === 0) return {};
  const bodyBytes = edits.reduce(
    (size, { start, end, bytes }) => size - (end - start) + bytes.length,
    spool.size,
  );
  return { body: streamOf(withEdits(spool, edits)), bodyBytes };
}

async function* withEdits(spool: Spool, edits: readonly PartEdit[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const { start, end, bytes } of edits.toSorted((one, other) => one.start - other.start)) {
    yield* spool.read(at, start);
    yield bytes;
    at = end;
  }
  yield* spool.read(at, spool.size);
}

const streamOf = (pieces: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> =>
  new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
