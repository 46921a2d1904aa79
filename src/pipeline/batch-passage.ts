// A request about files or batches on its way through: what it may cost is found, what came of a batch is read off the answer.
import type { Dialect } from "../dialects/dialect.ts";
import type { JsonObject } from "../lib/json.ts";
import { now } from "../lib/clock.ts";
import type { Nanos } from "../lib/money.ts";
import type { Candidate } from "../routing/candidate.ts";
import { type BatchBound, boundOfBody, boundOfFile } from "./batch-bound.ts";
import {
  type BatchCost,
  type Batches,
  costOf,
  createBatches,
  createResultTap,
  isBatch,
  makesBatch,
  textIn,
  toldBy,
} from "./batches.ts";
import type { Exchange } from "./exchange.ts";
import { idOf, type ObjectPath } from "./objects.ts";
import type { Parcel } from "./parcel.ts";
import type { AttemptRecord } from "./record.ts";

export interface BatchPassage {
  current: Pick<Exchange, "request" | "record" | "services" | "generation">;
  object: ObjectPath | undefined;
  parcel: Parcel;
  /** The client's. */
  dialect: Dialect;
}

export interface BatchDemand {
  isDeferred: true;
  lines: number;
  flat(candidate: Candidate): Promise<Nanos | null>;
}

const batchesOf = ({ current }: BatchPassage): Batches => createBatches(current.services.store);

const pricingOf = ({ current }: BatchPassage, candidate: Candidate) => ({
  candidate,
  config: current.generation.config,
  atMs: now(),
});

/** The bound of the batch that the request makes; null where nobody can tell. */
async function boundIn(passage: BatchPassage, candidate: Candidate): Promise<BatchBound | null> {
  const { parcel, dialect } = passage;
  const fileId = textIn(parcel.field("input_file_id"));
  const hasRequests = parcel.field("requests") !== undefined;
  // Which of the two a provider goes by, nobody can tell.
  if (fileId !== null && hasRequests) return null;
  if (fileId !== null) return batchesOf(passage).file(candidate.provider.name, fileId);
  const { body } = parcel.content(parcel.model);
  return body instanceof Uint8Array && hasRequests
    ? boundOfBody(body, dialect, pricingOf(passage, candidate))
    : null;
}

/** What a request that makes a batch can use; null for every other request. */
export async function batchDemandOf(
  passage: BatchPassage,
  candidates: readonly Candidate[],
): Promise<BatchDemand | null> {
  const { current, object } = passage;
  const [first] = candidates;
  if (!first || !makesBatch(current.request.method, object)) return null;
  const bound = await boundIn(passage, first);
  return {
    isDeferred: true,
    lines: Math.max(1, bound?.lines ?? 1),
    // Deployments of one provider have one price.
    flat: async () => bound?.nanos ?? null,
  };
}

/** What an answer tells of files and batches; before the client has it. */
export async function seeAnswer(
  passage: BatchPassage,
  candidate: Candidate,
  {
    answer,
    spoken,
    attempted,
  }: {
    answer: JsonObject;
    spoken: readonly Dialect[];
    attempted: Pick<AttemptRecord, "costs">;
  },
): Promise<void> {
  const { current, object, parcel } = passage;
  const { request, record } = current;
  const { name } = candidate.provider;
  const batches = batchesOf(passage);
  const id = idOf(answer);
  if (id === undefined) return;
  const isNew = request.method === "POST" && object?.id === undefined;
  if (isNew && object?.collection === "files" && parcel.field("purpose") === "batch") {
    const [file, ...others] = parcel.parts.filter(({ isFile }) => isFile);
    if (file && others.length === 0) {
      const bound = await boundOfFile(file.read(), pricingOf(passage, candidate));
      await batches.keepFile(name, id, bound);
    }
    return;
  }
  if (makesBatch(request.method, object)) {
    const bound = await boundIn(passage, candidate);
    await batches.made(name, id, { requestId: record.requestId, model: bound?.model ?? null });
    return;
  }
  if (!isBatch(object) || object?.below.length !== 0) return;
  const open = await batches.open(name, id);
  if (!open) return;
  const told = toldBy(answer, spoken);
  if (!told.isOver) return;
  if (told.resultsIn !== null) {
    await batches.resultsIn(name, told.resultsIn, { ...open, batchId: id });
  }
  const ids = [id, ...(told.resultsIn === null ? [] : [told.resultsIn])];
  const model = open.model ?? told.model;
  // The sum of many small requests would meet the price of a large one: their results tell them apart.
  const isSmall = (told.usage?.input.total ?? 0) <= untieredTokens;
  const cost =
    told.usage && model !== null && isSmall
      ? await costOf([{ model, usage: told.usage }], {
          ...pricingOf(passage, candidate),
          overrides: overridesOf(passage, candidate),
        })
      : told.isEmpty
        ? await costOf([], { ...pricingOf(passage, candidate), overrides: [] })
        : null;
  if (cost && (await batches.settle(name, ids, open, cost.nanos))) attempted.costs(cost);
}

/** No vendor's price depends on the size of an input as small as this. */
const untieredTokens = 100_000;

const overridesOf = ({ current }: BatchPassage, { provider }: Candidate) => [
  ...provider.prices,
  ...current.generation.config.prices,
];

/** Reads the results of a batch while they pass by; null where they are none, or are paid for. */
export async function resultsOf(
  passage: BatchPassage,
  candidate: Candidate,
  spoken: readonly Dialect[],
): Promise<{
  push(chunk: Uint8Array): void;
  /** They have all passed by. */
  whole(attempted: Pick<AttemptRecord, "costs">): Promise<void>;
} | null> {
  const { current, object } = passage;
  const { name } = candidate.provider;
  const [what] = object?.below ?? [];
  const id = object?.id;
  const isWhole = current.request.method === "GET" && !current.request.headers.has("range");
  if (id === undefined || !isWhole || (what !== "content" && what !== "results")) return null;
  const batches = batchesOf(passage);
  const open = await batches.open(name, id);
  if (!open) return null;
  const tap = createResultTap({
    ...pricingOf(passage, candidate),
    model: open.model,
    overrides: overridesOf(passage, candidate),
    spoken,
  });
  return {
    push: (chunk) => tap.push(chunk),
    async whole(attempted) {
      const cost: BatchCost | null = await tap.cost();
      if (cost && (await batches.settle(name, [id], open, cost.nanos))) attempted.costs(cost);
    },
  };
}
