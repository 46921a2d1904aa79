// Batches that a provider works off later: what one can cost is charged when it is made, and put right when what it did cost is seen.
import { priceUsage } from "../catalog/prices.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { Usage } from "../ir/usage.ts";
import { sumUsage } from "../ir/usage.ts";
import { now } from "../lib/clock.ts";
import { isObject, type JsonObject, parseObject } from "../lib/json.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import type { Store } from "../store/store.ts";
import { answerIn, atBatchPrice, type BatchBound } from "./batch-bound.ts";
import { createLineReader, type Line } from "./batch-lines.ts";
import { idOf, type ObjectPath } from "./objects.ts";

/** Collections of what is worked off later. */
const collections: ReadonlySet<string> = new Set(["batches", "messages/batches"]);

/** Whether a request makes a batch. */
export const makesBatch = (method: string, object: ObjectPath | undefined): boolean =>
  method === "POST" && object?.id === undefined && collections.has(object?.collection ?? "");

export const isBatch = (object: ObjectPath | undefined): boolean =>
  collections.has(object?.collection ?? "") && object?.id !== undefined;

/** What is not worked off yet is not billed: whoever has spent a budget can still stop its batches. */
export const endsBatch = (method: string, object: ObjectPath | undefined): boolean =>
  method === "POST" && isBatch(object) && object?.below.join("/") === "cancel";

/** A batch that is not paid for in the end yet. */
interface Open {
  requestId: string;
  /** The one model of all its lines. */
  model: string | null;
  /** Of the results' file: the batch itself. */
  batchId?: string;
}

/** What a batch did cost. */
export interface BatchCost {
  usage: Usage;
  nanos: Nanos;
}

export interface Batches {
  /** What the lines of a file can cost. */
  keepFile(provider: string, fileId: string, bound: BatchBound): Promise<void>;
  /** Null: nobody has seen the file. */
  file(provider: string, fileId: string): Promise<BatchBound | null>;
  made(provider: string, batchId: string, open: Open): Promise<void>;
  /** What is open of a batch, or of the file that holds its results. */
  open(provider: string, id: string): Promise<Open | null>;
  /** Its results will be in this file. */
  resultsIn(provider: string, fileId: string, open: Open): Promise<void>;
  /** Charges what it did cost. False: somebody has done it already. */
  settle(provider: string, ids: readonly string[], open: Open, nanos: Nanos): Promise<boolean>;
}

const dayMs = 86_400_000;
/** Vendors keep files and results no longer, or nobody asks for them. */
const keptMs = 60 * dayMs;
const fileKind = "batch-file";
const openKind = "batch";

export function createBatches({ items, accounts }: Pick<Store, "items" | "accounts">): Batches {
  const keyOf = (provider: string, id: string): string => `${provider}/${id}`;
  const put = (kind: string, key: string, value: object): Promise<void> => {
    const atMs = now();
    const item = { key, owner: null, value: JSON.stringify(value), atMs, expiresMs: atMs + keptMs };
    return items.put(kind, [item]);
  };
  const get = async (kind: string, key: string): Promise<JsonObject | null> => {
    const [found] = await items.get(kind, [key]);
    return found ? parseObject(found.value) : null;
  };
  const keepOpen = (provider: string, id: string, open: Open): Promise<void> =>
    put(openKind, keyOf(provider, id), open);
  return {
    keepFile: (provider, fileId, { lines, nanos, model }) =>
      put(fileKind, keyOf(provider, fileId), { lines, nanos: nanos?.toString() ?? null, model }),
    async file(provider, fileId) {
      const found = await get(fileKind, keyOf(provider, fileId));
      if (!found) return null;
      const { lines, nanos, model } = found;
      return {
        lines: typeof lines === "number" ? lines : 1,
        nanos: typeof nanos === "string" ? BigInt(nanos) : null,
        model: typeof model === "string" ? model : null,
      };
    },
    made: keepOpen,
    resultsIn: keepOpen,
    async open(provider, id) {
      const found = await get(openKind, keyOf(provider, id));
      if (typeof found?.["requestId"] !== "string") return null;
      const model = typeof found["model"] === "string" ? found["model"] : null;
      const { batchId } = found;
      const whose = typeof batchId === "string" ? { batchId } : {};
      return { requestId: found["requestId"], model, ...whose };
    },
    async settle(provider, ids, { requestId, batchId }, nanos) {
      const removed = await Promise.all(
        [...ids, ...(batchId === undefined ? [] : [batchId])].map((id) =>
          items.remove(openKind, keyOf(provider, id)),
        ),
      );
      if (!removed.some(Boolean)) return false;
      await accounts.resolve(requestId, nanos);
      return true;
    },
  };
}

/** States in which nothing more is made. */
const ended: ReadonlySet<string> = new Set([
  "completed",
  "failed",
  "expired",
  "cancelled",
  "ended",
]);

/** What a batch's own object tells: whether it is over, what it used in all, where its results are. */
export function toldBy(answer: JsonObject, spoken: readonly Dialect[]) {
  const status = answer["status"] ?? answer["processing_status"];
  const isOver = typeof status === "string" && ended.has(status);
  const counts = isObject(answer["request_counts"]) ? answer["request_counts"] : {};
  const done = [counts["completed"], counts["succeeded"], counts["total"]].filter(
    (count) => typeof count === "number",
  );
  const results = answer["output_file_id"];
  return {
    id: idOf(answer),
    isOver,
    /** Nothing of it was worked off. */
    isEmpty: isOver && done.length > 0 && done.slice(0, 1).every((count) => count === 0),
    usage: isOver ? usageIn(answer, spoken) : undefined,
    model: typeof answer["model"] === "string" ? answer["model"] : null,
    resultsIn: typeof results === "string" && results !== "" ? results : null,
  };
}

function usageIn(answer: JsonObject, spoken: readonly Dialect[]): Usage | undefined {
  for (const dialect of spoken) {
    for (const operation of ["chat", "embeddings"] as const) {
      const usage = dialect.usage(operation, answer);
      if (usage && usage.input.total + usage.output.total > 0) return usage;
    }
  }
  return undefined;
}

export interface ResultTap {
  push(chunk: Uint8Array): void;
  /** What all of it cost; null where that cannot be told. */
  cost(): Promise<BatchCost | null>;
}

export interface ResultPricing {
  candidate: Candidate;
  /** The one model of all lines, as it was asked for. */
  model: string | null;
  overrides: Parameters<typeof priceUsage>[0]["overrides"];
  atMs: number;
  spoken: readonly Dialect[];
}

/** Reads results while they pass by, line by line. */
export function createResultTap(pricing: ResultPricing): ResultTap {
  const reader = createLineReader();
  const used: { model: string; usage: Usage }[] = [];
  let isReadable = true;
  const take = (lines: readonly (Line | null)[]): void => {
    for (const line of lines) {
      if (!line) {
        isReadable = false;
        continue;
      }
      const answer = answerIn(line.json);
      if (!answer) continue;
      const usage = usageIn(answer, pricing.spoken);
      const model = pricing.model ?? answer["model"];
      if (usage && typeof model === "string")
        used.push({ model, usage: { ...usage, raw: undefined } });
      else isReadable = false;
    }
  };
  return {
    push: (chunk) => take(reader.push(chunk)),
    async cost() {
      take(reader.end());
      return isReadable ? costOf(used, pricing) : null;
    },
  };
}

/** Of all of them at the price of batches; null where one has no price. */
export async function costOf(
  used: readonly { model: string; usage: Usage }[],
  { candidate, overrides, atMs }: Omit<ResultPricing, "spoken" | "model">,
): Promise<BatchCost | null> {
  let nanos = 0n;
  let whole: Usage | null = null;
  for (const { model, usage } of used) {
    const provider = candidate.provider.preset.id;
    const priced = await priceUsage({ provider, model, usage, atMs, overrides });
    if (!priced) return null;
    nanos += priced.nanos;
    whole = whole ? sumUsage(whole, usage) : usage;
  }
  const none = { input: emptyInput, output: { total: 0, reasoning: 0, audio: 0 }, serverTools: {} };
  return { usage: whole ?? none, nanos: atBatchPrice(nanos, candidate) };
}

const emptyInput = { total: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, audio: 0 };

/** A form's field that cannot be read is none. */
export const textIn = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;
