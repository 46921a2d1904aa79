// What a batch can cost at most: the sum over its lines, each at its own model's price, less what batches are cheaper by.
import { batchShareOf } from "../catalog/sources.ts";
import type { Config } from "../config/config.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import { isObject, JsonError, type JsonObject, scan, scanArray } from "../lib/json.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import { boundOf } from "./bounds.ts";
import { createLineReader } from "./batch-lines.ts";
import { demandOf } from "./demand.ts";
import { inspect } from "./inbound.ts";

export interface BatchBound {
  lines: number;
  /** Null: a line cannot be read, its model has no price, or nothing bounds it. */
  nanos: Nanos | null;
  /** The one model of all lines; null where there are several, or not all are known. */
  model: string | null;
}

export interface BatchPricing {
  candidate: Candidate;
  config: Pick<Config, "prices" | "rules">;
  atMs: number;
}

interface Sum {
  add(request: { bytes: Uint8Array; dialect: Dialect; operation: Operation } | null): Promise<void>;
  bound(): BatchBound;
}

/** The bound of a file of lines: each with the path that it is for, and its body. */
export async function boundOfFile(
  pieces: AsyncIterable<Uint8Array>,
  pricing: BatchPricing,
): Promise<BatchBound> {
  const sum = createSum(pricing);
  const reader = createLineReader();
  const take = async (found: ReturnType<typeof reader.push>): Promise<void> => {
    for (const line of found) {
      const asked = line && askedAt(pricing.candidate, line.json["url"]);
      const bytes = line && memberOf(line.bytes, "body");
      await sum.add(asked && bytes ? { ...asked, bytes } : null);
    }
  };
  for await (const piece of pieces) await take(reader.push(piece));
  await take(reader.end());
  return sum.bound();
}

/** The bound of a body that holds all requests itself, each in `params`. */
export async function boundOfBody(
  bytes: Uint8Array,
  dialect: Dialect,
  pricing: BatchPricing,
): Promise<BatchBound> {
  const sum = createSum(pricing);
  const list = memberOf(bytes, "requests");
  for (const item of list ? itemsOf(list) : [null]) {
    const own = item && memberOf(item, "params");
    await sum.add(own ? { bytes: own, dialect, operation: "chat" } : null);
  }
  return sum.bound();
}

/** A line's request was made, so no request of a client is known. */
const nobody = new Request("http://localhost/");
/** Lines after which others get their turn. */
const slice = 50;

function createSum({ candidate, config, atMs }: BatchPricing): Sum {
  let lines = 0;
  let nanos: Nanos | null = 0n;
  const models = new Set<string>();
  const boundAt = async (
    bytes: Uint8Array,
    asked: { dialect: Dialect; operation: Operation },
  ): Promise<Nanos | null> => {
    try {
      const inbound = inspect(bytes, nobody, asked);
      const demand = demandOf(inbound, []);
      models.add(inbound.model);
      // Nobody can put a bound into a line: tools that are left open have none.
      if ((demand.tokens?.toolCalls.open ?? 0) > 0) return null;
      const own = { ...candidate, model: inbound.model };
      return (await boundOf(demand, own, { config, atMs, moreInput: 0 })).nanos;
    } catch (error) {
      // The provider says what is wrong with it.
      if (error instanceof GatewayError) return null;
      throw error;
    }
  };
  return {
    async add(request) {
      lines += 1;
      if (lines % slice === 0) await new Promise<void>((resolve) => setImmediate(resolve));
      if (nanos === null) return;
      const { bytes = null, ...asked } = request ?? {};
      const more = bytes && request ? await boundAt(bytes, { ...request, ...asked }) : null;
      nanos = more === null ? null : nanos + more;
    },
    bound: () => ({
      lines,
      // One without any line is the provider's to refuse, and has no bound to go by.
      nanos: nanos === null || lines === 0 ? null : atBatchPrice(nanos, candidate),
      // Behind a line without a bound none is read for its model.
      model: nanos !== null && models.size === 1 ? ([...models][0] ?? null) : null,
    }),
  };
}

/** Rounded up. */
export const atBatchPrice = (nanos: Nanos, { provider }: Candidate): Nanos =>
  (nanos * batchShareOf(provider.preset.id) + 99n) / 100n;

/** What a line's path asks for. */
function askedAt(
  { provider }: Candidate,
  url: unknown,
): { dialect: Dialect; operation: Operation } | null {
  if (typeof url !== "string") return null;
  for (const [operation, endpoints] of Object.entries(provider.preset.speaks)) {
    for (const { dialect: id } of endpoints) {
      const dialect = dialects[id];
      const isMeant = dialect.routes.some(
        (route) => route.path === url && route.operation === operation && route.method === "POST",
      );
      if (isMeant && priced.has(operation)) return { dialect, operation: operation as Operation };
    }
  }
  return null;
}

/** Operations whose bodies tell what they can use. */
const priced: ReadonlySet<string> = new Set<Operation>([
  "chat",
  "completions",
  "embeddings",
  "moderations",
]);

function memberOf(bytes: Uint8Array, name: string): Uint8Array | null {
  try {
    const span = scan(bytes).get(name)?.value;
    return span ? bytes.subarray(span.start, span.end) : null;
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

function itemsOf(list: Uint8Array): (Uint8Array | null)[] {
  try {
    return scanArray(list).map(({ start, end }) => list.subarray(start, end));
  } catch (error) {
    if (error instanceof JsonError) return [null];
    throw error;
  }
}

/** The object of a result line that tells what was used; null where the line was not billed. */
export function answerIn(line: JsonObject): JsonObject | null {
  const { response, result } = line;
  if (isObject(response)) {
    const isBilled = response["status_code"] === 200 && isObject(response["body"]);
    return isBilled && isObject(response["body"]) ? response["body"] : null;
  }
  const message = isObject(result) ? result["message"] : undefined;
  return isObject(message) ? message : null;
}
