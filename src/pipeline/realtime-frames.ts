// What a client's frame may ask of a realtime session: the model that it was opened with, and no other.
import type { SocketMessage } from "../egress/socket.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject, JsonError, type JsonObject, parseObject, scan } from "../lib/json.ts";
import { withPath } from "../lib/json-members.ts";
import type { MayUse } from "../routing/allowed.ts";
import { type Candidate, modelId } from "../routing/candidate.ts";

export interface SessionModel {
  /** As the client wrote it when it opened the session. */
  written: string;
  candidate: Pick<Candidate, "provider" | "model">;
  /** What the caller may use besides; absent: everything. */
  mayUse?: MayUse | undefined;
}

/** Frames without any of these name no model. The second begins an escape, perhaps of a letter of that name. */
const marks = ['"model"', String.raw`\u00`];

/** Where a frame names the session's own model. */
const ownPaths: readonly (readonly string[])[] = [
  ["model"],
  ["session", "model"],
  ["response", "model"],
];

/** Their members are the client's own words. */
const opaque: ReadonlySet<string> = new Set(["parameters", "metadata"]);

/**
 * The frame as it may be sent on: as it came, but for the provider's own name of the session's model.
 * @throws GatewayError `forbidden` for another model (faults S21, S53), `invalid_request` where it cannot be read
 */
export function checkedFrame(message: SocketMessage, session: SessionModel): SocketMessage {
  const bytes = Buffer.from(message);
  if (!marks.some((mark) => (typeof message === "string" ? message : bytes).includes(mark))) {
    return message;
  }
  const frame = read(bytes);
  const { written, candidate, mayUse } = session;
  let edited: Uint8Array = bytes;
  for (const path of ownPaths) {
    const name = at(frame, path);
    if (typeof name !== "string" || name === candidate.model) continue;
    if (name !== written) throw otherModel(name, written);
    edited = withPath(edited, path, candidate.model);
  }
  if (mayUse) {
    const { provider } = candidate;
    for (const model of namesBelow(frame)) {
      const isOwn = model === written || model === candidate.model;
      if (!isOwn && !mayUse(modelId({ provider, model }))) throw notAllowed(model);
    }
  }
  if (edited === bytes) return message;
  return typeof message === "string" ? Buffer.from(edited).toString("utf8") : edited;
}

function read(bytes: Buffer): JsonObject {
  try {
    // Refuses what stands twice: of two models, the provider might take the other one.
    const members = scan(bytes);
    for (const [name] of ownPaths.filter(({ length }) => length > 1)) {
      const span = members.get(name ?? "")?.value;
      if (span && bytes[span.start] === 0x7b) scan(bytes.subarray(span.start, span.end));
    }
    return parseObject(bytes.toString("utf8"));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("invalid_request", `A frame is not acceptable JSON: ${error.message}.`);
  }
}

const at = (value: JsonObject, path: readonly string[]): unknown =>
  path.reduce<unknown>((found, name) => (isObject(found) ? found[name] : undefined), value);

/** Every text that stands in a member `model`: that of transcription, for one, is a model of its own. */
function namesBelow(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesBelow);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, each]) => {
    if (opaque.has(name)) return [];
    return name === "model" && typeof each === "string" ? [each] : namesBelow(each);
  });
}

const otherModel = (name: string, written: string): GatewayError =>
  new GatewayError(
    "forbidden",
    `This session is of \`${shown(written)}\`. Open another one for \`${shown(name)}\`.`,
    { param: "model" },
  );

const notAllowed = (name: string): GatewayError =>
  new GatewayError("forbidden", `This key may not use the model \`${shown(name)}\`.`, {
    param: "model",
  });

const shown = (name: string): string => name.slice(0, 60);
