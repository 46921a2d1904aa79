// Objects that OpenAI keeps for an account: files, batches, uploads.
// https://platform.openai.com/docs/api-reference/files, https://platform.openai.com/docs/api-reference/batch
import { now } from "../../../src/lib/clock.ts";
import { isObject, type JsonObject } from "../../../src/lib/json.ts";
import { openAiBroken } from "./openai-error.ts";
import { parseForm } from "./openai-form.ts";
import { jsonExchange } from "./openai-operations.ts";
import { invalid } from "./openai-wording.ts";
import type { Judgement } from "./serve.ts";
import type { Recorded, Refusal } from "./upstream.ts";
import { createVendorId } from "./vendor-id.ts";

export interface OpenAiObjects {
  /** Undefined for other paths. */
  judge(request: Recorded): Judgement | undefined;
  clear(): void;
}

const purposes = new Set(["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]);
const batched = new Set([
  "/v1/responses",
  "/v1/chat/completions",
  "/v1/embeddings",
  "/v1/completions",
]);

/** Whether a request's body is a form. */
export const isObjectForm = ({ method, path }: Recorded): boolean =>
  method === "POST" && (path === "/v1/files" || /^\/v1\/uploads\/[^/]+\/parts$/.test(path));

/** Whether a request has no body at all. */
export const isBodiless = ({ method, path }: Recorded): boolean =>
  method !== "POST" || path.endsWith("/cancel");

export function createOpenAiObjects(): OpenAiObjects {
  const files = new Map<string, { object: JsonObject; bytes: Buffer }>();
  const batches = new Map<string, JsonObject>();
  const uploads = new Map<string, { object: JsonObject; parts: Map<string, Buffer> }>();

  const addFile = (filename: string, purpose: string, bytes: Buffer): JsonObject => {
    const id = createVendorId("file-");
    const object = {
      id,
      object: "file",
      bytes: bytes.length,
      created_at: Math.floor(now() / 1000),
      filename,
      purpose,
      status: "processed",
    };
    files.set(id, { object, bytes: Buffer.from(bytes) });
    return object;
  };

  function judgeFiles(request: Recorded, id: string | undefined, part: string): Judgement {
    const { method } = request;
    if (id === undefined) {
      if (method === "GET")
        return page(
          [...files.values()].map(({ object }) => object),
          request,
        );
      if (method !== "POST") return notAllowed(request);
      const form = parseForm(request.headers["content-type"] ?? "", request.body);
      if (typeof form === "string") return refused(`Could not parse multipart form: ${form}`);
      const purpose = form.find(({ name }) => name === "purpose")?.bytes.toString();
      const file = form.find(({ name }) => name === "file");
      if (!purposes.has(purpose ?? "")) return refused("Invalid value for 'purpose'.", "purpose");
      if (file?.fileName === undefined) return refused("'file' is a required property", "file");
      return accepted(addFile(file.fileName, purpose ?? "", file.bytes));
    }
    const file = files.get(id);
    if (!file) return missing(`No such File object: ${id}`);
    if (method === "GET" && part === "content") {
      return {
        scripted: false,
        exchange: () => ({
          stream: false,
          headers: { "content-type": "application/octet-stream" },
          frames: [{ text: "", bytes: file.bytes }],
          terminalFrames: 1,
          errorFrame: (type, message) => openAiBroken(false, type, message),
        }),
      };
    }
    if (part !== "") return notAllowed(request);
    if (method === "GET") return accepted(file.object);
    if (method !== "DELETE") return notAllowed(request);
    files.delete(id);
    return accepted({ id, object: "file", deleted: true });
  }

  function judgeBatches(request: Recorded, id: string | undefined, part: string): Judgement {
    const { method, parsed } = request;
    if (id === undefined) {
      if (method === "GET") return page([...batches.values()], request);
      if (method !== "POST") return notAllowed(request);
      if (!isObject(parsed)) return refused("We could not parse the JSON body.");
      const input = String(parsed["input_file_id"]);
      if (!files.has(input)) return refused(`Invalid 'input_file_id': ${input}.`, "input_file_id");
      if (!batched.has(String(parsed["endpoint"]))) return refused("Invalid 'endpoint'.");
      if (parsed["completion_window"] !== "24h") return refused("Invalid 'completion_window'.");
      const batch = {
        id: createVendorId("batch_"),
        object: "batch",
        ...parsed,
        status: "validating",
        output_file_id: null,
        error_file_id: null,
        created_at: Math.floor(now() / 1000),
      };
      batches.set(batch.id, batch);
      return accepted(batch);
    }
    const batch = batches.get(id);
    if (!batch) return missing(`No batch found with id '${id}'.`);
    if (method === "POST" && part === "cancel") {
      batch["status"] = "cancelling";
      return accepted(batch);
    }
    if (method !== "GET" || part !== "") return notAllowed(request);
    // Done as soon as somebody looks.
    if (batch["status"] === "validating") {
      const output = addFile("output.jsonl", "batch_output", Buffer.from('{"custom_id":"1"}\n'));
      Object.assign(batch, { status: "completed", output_file_id: output["id"] });
    }
    return accepted(batch);
  }

  function judgeUploads(request: Recorded, id: string | undefined, part: string): Judgement {
    const { method, parsed } = request;
    if (method !== "POST") return notAllowed(request);
    if (id === undefined) {
      const fields = ["filename", "purpose", "bytes", "mime_type"];
      const lacking = fields.find((name) => !isObject(parsed) || parsed[name] === undefined);
      if (lacking || !isObject(parsed)) return refused(`Missing '${lacking}'.`, lacking ?? null);
      const object = {
        id: createVendorId("upload_"),
        object: "upload",
        status: "pending",
        ...parsed,
      };
      uploads.set(object.id, { object, parts: new Map() });
      return accepted(object);
    }
    const upload = uploads.get(id);
    if (!upload) return missing(`No such Upload object: ${id}`);
    if (part === "parts") {
      const form = parseForm(request.headers["content-type"] ?? "", request.body);
      if (typeof form === "string") return refused(`Could not parse multipart form: ${form}`);
      const data = form.find(({ name }) => name === "data");
      if (data?.fileName === undefined) return refused("'data' is a required property");
      const partId = createVendorId("part_");
      upload.parts.set(partId, data.bytes);
      return accepted({ id: partId, object: "upload.part", upload_id: id });
    }
    if (part === "cancel") return accepted({ ...upload.object, status: "cancelled" });
    if (part !== "complete") return notAllowed(request);
    const ids = isObject(parsed) && Array.isArray(parsed["part_ids"]) ? parsed["part_ids"] : [];
    const pieces = ids.map((each) => upload.parts.get(String(each)));
    if (pieces.length === 0 || pieces.includes(undefined)) return refused("Invalid 'part_ids'.");
    const bytes = Buffer.concat(pieces.filter((piece) => piece !== undefined));
    if (bytes.length !== upload.object["bytes"]) return refused("The sizes do not agree.");
    const { filename, purpose } = upload.object;
    const file = addFile(String(filename), String(purpose), bytes);
    return accepted({ ...upload.object, status: "completed", file });
  }

  return {
    judge(request) {
      const [, version, family, id, part = "", ...more] = request.path.split("/");
      if (version !== "v1" || more.length > 0) return undefined;
      if (family === "files") return judgeFiles(request, id, part);
      if (family === "batches") return judgeBatches(request, id, part);
      return family === "uploads" ? judgeUploads(request, id, part) : undefined;
    },
    clear() {
      for (const map of [files, batches, uploads]) map.clear();
    },
  };
}

function page(objects: readonly JsonObject[], request: Recorded): Judgement {
  const query = new URLSearchParams(request.query);
  const limit = Number(query.get("limit") ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    return refused("Invalid 'limit'.", "limit");
  const after = query.get("after");
  const newest = objects.toReversed();
  const at = after === null ? 0 : newest.findIndex(({ id }) => id === after) + 1;
  if (after !== null && at === 0) return refused(`Invalid 'after': ${after}`, "after");
  const data = newest.slice(at, at + limit);
  return accepted({
    object: "list",
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: at + limit < newest.length,
  });
}

const accepted = (body: unknown): Judgement => ({
  scripted: false,
  exchange: () => jsonExchange(body),
});

const refused = (message: string, param: string | null = null): Judgement => ({
  refusal: invalid({ message, param }),
});

const missing = (message: string): { refusal: Refusal } => ({
  refusal: { ...invalid({ message, param: "id" }), status: 404 },
});

const notAllowed = ({ method, path }: Recorded): Judgement => ({
  refusal: { ...invalid({ message: `Not allowed to ${method} on ${path}.` }), status: 405 },
});
