// Responses the double keeps, the items in them, and reasoning that only the double can read.
import type { JsonObject } from "../../../src/lib/json.ts";
import { isSealed, sealThinking } from "./signature.ts";

export interface KeptResponse {
  /** The response object as it was last told. */
  body: JsonObject;
  /** What it answered, earlier responses' items included. */
  input: JsonObject[];
  output: JsonObject[];
  /** The events of its stream, in order. */
  events: string[];
  /** `store` was not false: it can be asked for again. */
  stored: boolean;
  background: boolean;
}

/** Where an item came from, and the reasoning told right before it. */
export interface KeptItem {
  item: JsonObject;
  stored: boolean;
  reasoningId?: string;
}

export interface ResponsesStore {
  keep(response: KeptResponse): void;
  /** A response that can be asked for again. */
  find(id: string): KeptResponse | undefined;
  item(id: string): KeptItem | undefined;
  /** The call with this `call_id`, stored or not. */
  call(callId: string): KeptItem | undefined;
  remove(id: string): void;
  clear(): void;
}

export function createResponsesStore(): ResponsesStore {
  const responses = new Map<string, KeptResponse>();
  const items = new Map<string, KeptItem>();
  const calls = new Map<string, KeptItem>();
  return {
    keep(response) {
      const { stored } = response;
      if (stored) responses.set(String(response.body["id"]), response);
      let reasoningId: string | undefined;
      for (const item of response.output) {
        const kept = { item, stored, ...(reasoningId === undefined ? {} : { reasoningId }) };
        items.set(String(item["id"]), kept);
        if (typeof item["call_id"] === "string") calls.set(item["call_id"], kept);
        if (item["type"] === "reasoning") reasoningId = String(item["id"]);
      }
      for (const item of response.input) {
        if (typeof item["id"] === "string" && !items.has(item["id"])) {
          items.set(item["id"], { item, stored });
        }
      }
    },
    find: (id) => responses.get(id),
    item: (id) => items.get(id),
    call: (callId) => calls.get(callId),
    remove: (id) => void responses.delete(id),
    clear() {
      for (const map of [responses, items, calls]) map.clear();
    },
  };
}

/** Encrypted content looks like the vendor's: it begins with a version and a time. */
const mark = "gAAAAABp";

/** Reasoning, or a compacted conversation, bound to the item it is in. */
export const seal = (itemId: string, text: string): string =>
  mark + sealThinking(`${itemId}\n${text}`);

/** The id of the item that sealed content was made for; undefined when the double did not make it, or not so. */
export function openSeal(content: string): string | undefined {
  if (!content.startsWith(mark)) return undefined;
  const sealed = content.slice(mark.length);
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.toString("base64") !== sealed || !isSealed(sealed)) return undefined;
  const [payload = ""] = bytes.toString().split(".");
  return Buffer.from(payload, "base64url").toString().split("\n")[0];
}
