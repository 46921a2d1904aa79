// OpenAI's rules between the items of a Responses request: ids, references, sealed reasoning, calls and their outputs.
import type { JsonObject } from "../../../src/lib/json.ts";
import { invalid } from "./openai-wording.ts";
import { openSeal, type ResponsesStore } from "./responses-store.ts";
import { wrongInput } from "./responses-wording.ts";
import type { Refusal } from "./upstream.ts";

export interface ItemTerms {
  store: ResponsesStore;
  /** Items of the earlier responses that the request goes on from. */
  earlier: readonly JsonObject[];
  /** The request's own `store`. */
  stores: boolean;
  trust: boolean;
  demand: boolean;
}

type Rule = (items: readonly JsonObject[], terms: ItemTerms) => Refusal | undefined;

/** Judges the items of the input; a text is none. */
export function refuseItems(items: readonly JsonObject[], terms: ItemTerms): Refusal | undefined {
  for (const rule of rules) {
    const refusal = rule(items, terms);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** What the ids of items begin with. */
const prefixes: Readonly<Record<string, string>> = {
  message: "msg",
  reasoning: "rs",
  function_call: "fc",
  custom_tool_call: "ctc",
  web_search_call: "ws",
  file_search_call: "fs",
  tool_search_call: "tsc",
  code_interpreter_call: "ci",
  image_generation_call: "ig",
  mcp_call: "mcp",
  mcp_list_tools: "mcpl",
  compaction: "cmp",
};

const typeOf = (item: JsonObject): string =>
  typeof item["type"] === "string" ? item["type"] : "message";

const refuseIds: Rule = (items) => {
  for (const [index, item] of items.entries()) {
    const { id } = item;
    if (typeof id !== "string") continue;
    const param = `input[${index}].id`;
    const wrong = (rest: string): Refusal =>
      invalid({ message: `Invalid '${param}': '${id}'. ${rest}`, param, code: "invalid_value" });
    if (!/^[A-Za-z0-9_-]+$/.test(id)) {
      return wrong(
        "Expected an ID that contains letters, numbers, underscores, or dashes, but this value contained additional characters.",
      );
    }
    const prefix = prefixes[typeOf(item)];
    if (prefix !== undefined && !id.startsWith(prefix)) {
      return wrong(`Expected an ID that begins with '${prefix}'.`);
    }
  }
  return undefined;
};

const refuseRepeats: Rule = (items, { earlier }) => {
  const seen = new Set<unknown>(earlier.map((item) => item["id"]));
  for (const { id } of items) {
    if (typeof id !== "string") continue;
    if (seen.has(id)) {
      return wrongInput(
        `Duplicate item found with id ${id}. Remove duplicate items from your input and try again.`,
      );
    }
    seen.add(id);
  }
  return undefined;
};

const notFound = (id: unknown, stores: boolean): Refusal =>
  wrongInput(
    `Item with id '${String(id)}' not found.${
      stores
        ? ""
        : " Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."
    }`,
    { status: 404 },
  );

/** References, and reasoning that is told by its id alone, must be stored. */
const refuseUnknown: Rule = (items, { store, stores, trust }) => {
  if (trust) return undefined;
  for (const item of items) {
    const { id } = item;
    const alone =
      typeOf(item) === "item_reference" ||
      (typeOf(item) === "reasoning" &&
        typeof id === "string" &&
        typeof item["encrypted_content"] !== "string");
    if (!alone) continue;
    const kept = store.item(String(id));
    if (kept === undefined || !kept.stored) return notFound(id, stores);
  }
  return undefined;
};

const refuseForged: Rule = (items, { trust }) => {
  if (trust) return undefined;
  for (const item of items) {
    const { id, encrypted_content: content } = item;
    if (typeof content !== "string") continue;
    const madeFor = openSeal(content);
    const why =
      madeFor === undefined
        ? "Encrypted content could not be decrypted or parsed."
        : typeof id === "string" && id !== madeFor
          ? "Encrypted content item_id did not match the target item id."
          : undefined;
    if (why === undefined) continue;
    const which =
      typeof id === "string" ? `for item ${id}` : `${content.slice(0, 4)}...${content.slice(-4)}`;
    return invalid({
      message: `The encrypted content ${which} could not be verified. Reason: ${why}`,
      code: "invalid_encrypted_content",
    });
  }
  return undefined;
};

/** Items that the model made. */
const isMade = (item: JsonObject | undefined): boolean => {
  if (item === undefined) return false;
  const type = typeOf(item);
  if (type === "message") return item["role"] === "assistant";
  return !type.endsWith("_output") && type !== "compaction_trigger" && type !== "item_reference";
};

/** What was told by reference stands for itself. */
const resolved = (items: readonly JsonObject[], store: ResponsesStore): JsonObject[] =>
  items.map((item) =>
    typeOf(item) === "item_reference" ? (store.item(String(item["id"]))?.item ?? item) : item,
  );

/** Reasoning stands before what it led to, and what it led to stands behind it, where ids tell. */
const refuseTornReasoning: Rule = (items, { store, earlier, demand }) => {
  const all = resolved(items, store);
  const present = new Set<unknown>(earlier.map((item) => item["id"]));
  for (const [index, item] of all.entries()) {
    const { id } = item;
    if (typeOf(item) === "reasoning") {
      const sealed = item["encrypted_content"];
      present.add(id).add(typeof sealed === "string" ? openSeal(sealed) : undefined);
      const next = all[index + 1];
      // An assistant message without an id is not what the reasoning led to.
      const follows =
        isMade(next) &&
        !(next !== undefined && typeOf(next) === "message" && next["id"] === undefined);
      if (typeof id === "string" && !follows && next?.["type"] !== "item_reference") {
        return wrongInput(
          `Item '${id}' of type 'reasoning' was provided without its required following item.`,
        );
      }
      continue;
    }
    const known = typeof id === "string" ? store.item(id) : undefined;
    const issued = demand ? (known ?? store.call(String(item["call_id"]))) : known;
    const reasoningId = issued !== undefined && isMade(item) ? issued.reasoningId : undefined;
    if (reasoningId === undefined || present.has(reasoningId)) continue;
    // What was neither stored nor handed out cannot come back.
    const sealed = store.item(reasoningId)?.item["encrypted_content"];
    if (issued?.stored !== true && (!demand || sealed === undefined)) continue;
    return wrongInput(
      `Item '${String(issued?.item["id"])}' of type '${typeOf(item)}' was provided without its required 'reasoning' item: '${reasoningId}'.`,
    );
  }
  return undefined;
};

const kinds = [
  { call: "function_call", output: "function_call_output", name: "function call" },
  { call: "custom_tool_call", output: "custom_tool_call_output", name: "custom tool call" },
];

/** Every call is answered, and only calls are answered. */
const refuseTornCalls: Rule = (items, { store, earlier, trust }) => {
  const all = [...earlier, ...resolved(items, store)];
  for (const { call, output, name } of kinds) {
    const idsOf = (type: string): string[] =>
      all
        .filter((item) => typeOf(item) === type)
        .flatMap((item) => (typeof item["call_id"] === "string" ? [item["call_id"]] : []));
    const calls = new Set(idsOf(call));
    const outputs = new Set(idsOf(output));
    const open = [...calls].find((id) => !outputs.has(id));
    if (open !== undefined) return wrongInput(`No tool output found for ${name} ${open}.`);
    // What a trusted reference stands for is not known.
    if (trust && items.some((item) => typeOf(item) === "item_reference")) continue;
    // Searches for tools that the client runs may be answered as functions are.
    const searches = new Set(idsOf("tool_search_call"));
    const stray = [...outputs].find((id) => !calls.has(id) && !searches.has(id));
    if (stray !== undefined) {
      return wrongInput(`No tool call found for ${name} output with call_id ${stray}.`);
    }
  }
  return undefined;
};

const rules: readonly Rule[] = [
  refuseIds,
  refuseRepeats,
  refuseUnknown,
  refuseForged,
  refuseTornReasoning,
  refuseTornCalls,
];
