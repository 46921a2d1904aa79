// A provider's list of objects with the caller's own in it alone: read on until the page is full.
import type { EgressResponse } from "../egress.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { isObject, JsonError, type JsonObject, parseObject } from "../lib/json.ts";
import type { Attempting, Exchange } from "./exchange.ts";
import { idOf } from "./objects.ts";
import { answerHeaders } from "./relay.ts";
import { named, type Sendable, send } from "./send.ts";

export interface ListOptions {
  /** What is shown in place of some of an object's members. */
  show(object: JsonObject): JsonObject;
}

const maxPageBytes = 64 * 1024 * 1024;
/** What a client gets when it does not say, and what is asked of the provider at a time. */
const pageSize = 100;
/** An account with more objects than this in front of the caller's own is not read to its end. */
const maxPages = 200;

/** @throws GatewayError */
export async function listOwn(
  sendable: Sendable,
  current: Attempting,
  { show }: ListOptions,
): Promise<Response> {
  const { candidate, dialect } = sendable;
  const attempted = current.turn.attempt(candidate, dialect.id, true);
  try {
    const { page, answer } = await gather(sendable, current);
    attempted.received();
    const { member, items } = page;
    const body = JSON.stringify({
      ...page.json,
      [member]: items.map((item) => ({ ...item, ...show(item) })),
    });
    await attempted.settle({ error: null, httpStatus: 200 });
    return new Response(body, {
      headers: { ...answerHeaders(answer, current), "content-type": "application/json" },
    });
  } catch (thrown) {
    const error = named(toGatewayError(thrown), candidate.provider.name);
    attempted.finish(error);
    throw error;
  }
}

interface Page {
  json: JsonObject;
  /** Name of the member that holds the items. */
  member: string;
  items: JsonObject[];
}

async function gather(
  sendable: Sendable,
  current: Attempting,
): Promise<{ page: Page; answer: EgressResponse }> {
  const url = new URL(sendable.url);
  const cursor = cursorOf(url);
  const asked = Number(url.searchParams.get("limit") ?? pageSize);
  // Any other limit is for the provider to refuse.
  const wanted = Number.isInteger(asked) && asked > 0 ? asked : 0;
  // Some lists know no such parameter, and would refuse it.
  if (wanted > 0 && cursor.pages && url.searchParams.has("limit")) {
    url.searchParams.set("limit", String(Math.max(wanted, pageSize)));
  }
  let own: JsonObject[] = [];
  for (let count = 1; ; count += 1) {
    const answer = await send({ ...sendable, url }, "json", current.services, current.signal);
    const page = readPage(await answer.text(maxPageBytes), answer.status);
    // Anthropic's lists do not say what they are, and go on after an id of that name.
    if (cursor.name === "after" && !("object" in page.json)) cursor.name = "after_id";
    const mine = await ownIn(page, sendable, current);
    own = cursor.isBackwards ? [...mine, ...own] : [...own, ...mine];
    const edge = cursor.isBackwards ? page.items[0] : page.items.at(-1);
    const next = edge && idOf(edge);
    const isLast = page.json["has_more"] !== true || next === undefined || count >= maxPages;
    if (!cursor.pages || isLast || own.length > wanted) {
      return { page: finished(page, own, wanted, cursor), answer };
    }
    url.searchParams.set(cursor.name, next);
  }
}

interface Cursor {
  name: string;
  isBackwards: boolean;
  /** The list goes on by ids; others go on by tokens, one page at a time. */
  pages: boolean;
}

function cursorOf(url: URL): Cursor {
  const { searchParams } = url;
  if (searchParams.has("before_id")) return { name: "before_id", isBackwards: true, pages: true };
  if (searchParams.has("before")) return { name: "before", isBackwards: true, pages: true };
  const hasToken = searchParams.has("pageToken") || searchParams.has("pageSize");
  return { name: "after", isBackwards: false, pages: !hasToken };
}

/** @throws GatewayError `upstream_invalid` */
function readPage(text: string, status: number): Page {
  const json = objectOf(text, status);
  const lists = Object.entries(json).filter(([, value]) => Array.isArray(value));
  const [member, value] = lists.find(([name]) => name === "data") ?? lists[0] ?? ["data", []];
  return { json, member, items: Array.isArray(value) ? value.filter(isObject) : [] };
}

function objectOf(text: string, status: number): JsonObject {
  try {
    return parseObject(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GatewayError("upstream_invalid", "answered something that is not a JSON object", {
      upstream: { status, body: text.slice(0, 2_000) },
      cause: error,
    });
  }
}

async function ownIn(
  { items }: Page,
  { candidate }: Sendable,
  { record, services }: Exchange,
): Promise<JsonObject[]> {
  const ids = items.flatMap((item) => idOf(item) ?? []);
  const found = await services.owners.find(ids, [candidate.provider.name]);
  const own = new Set(found.filter(({ owner }) => owner === record.tenant).map(({ id }) => id));
  return items.filter((item) => own.has(idOf(item) ?? ""));
}

/** What tells of the account's other objects (their ids, how many) is left out. */
function finished(page: Page, own: JsonObject[], wanted: number, cursor: Cursor): Page {
  const limit = cursor.pages && wanted > 0 ? wanted : own.length;
  const items = cursor.isBackwards
    ? own.slice(Math.max(0, own.length - limit))
    : own.slice(0, limit);
  const [first] = items;
  const last = items.at(-1);
  const json: JsonObject = {
    ...page.json,
    ...("has_more" in page.json && { has_more: own.length > limit }),
    ...("first_id" in page.json && { first_id: (first && idOf(first)) ?? null }),
    ...("last_id" in page.json && { last_id: (last && idOf(last)) ?? null }),
  };
  return { ...page, json, items };
}
