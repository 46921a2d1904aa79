// Calls of a provider's own API: passed on as they are, with keys, ownership and the ledger as for any other request.
import { reachOf } from "../access/reach.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { dialects } from "../dialects/index.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError } from "../ir/error.ts";
import type { Candidate } from "../routing/candidate.ts";
import { addressed, vain } from "./addressed.ts";
import { attemptAll } from "./attempts.ts";
import { batchDemandOf, type BatchPassage, resultsOf, seeAnswer } from "./batch-passage.ts";
import { endsBatch } from "./batches.ts";
import { unreadDemand } from "./demand.ts";
import { type Attempting, type Exchange, exchange } from "./exchange.ts";
import { withinTime } from "./deadline.ts";
import { guardFor } from "./guard.ts";
import { guardParcel } from "./guarded-parcel.ts";
import { listOwn } from "./object-list.ts";
import { idOf, madeIn, objectIn, type ObjectPath } from "./objects.ts";
import { likenessOf, type Parcel, readParcel } from "./parcel.ts";
import { relayOnce, type Relaying } from "./relay.ts";
import type { Generation, Services } from "./services.ts";
import { segmentsOf, throughSendable } from "./through-request.ts";
import { tagsOf } from "./request-tags.ts";
import { headerWishes } from "./wishes.ts";

export interface ThroughCall {
  /** The client's: it is answered in it. */
  dialect: Dialect;
  operation: Operation;
  /** Below the API's base, as it stands in the request's URL, e.g. `/files/file-1`. */
  path: string;
  /** The provider, where the path names it. Absent: the one that has the object, or that the client names. */
  provider?: string;
}

/** How a client says which provider a request is for, where nothing else does. */
export const providerHeader = "x-megallm-provider";

/** Passes a request on to one provider's own API; never rejects. */
export const handleThrough = (
  request: Request,
  call: ThroughCall,
  generation: Generation,
  services: Services,
): Promise<Response> =>
  exchange(request, call, { generation, services }, async (current) => {
    const segments = segmentsOf(call.path);
    const parcel = await readParcel(current);
    let isHandedOver = false;
    try {
      const object = objectIn(segments);
      const model = parcel.model || modelIn(segments);
      const { operation } = call;
      current.record.identify({
        model: model || object?.collection || call.path.slice(0, 200),
        stream: parcel.stream,
        operation,
      });
      const keyed = { content: () => likenessOf(parcel), identify: () => {} };
      return await services.idempotency.once(current, keyed, async (held) => {
        const wishes = headerWishes(request.headers, current.caller);
        const place = await placeOf(held, call, object, parcel);
        requireWhole(place.provider, current);
        const every = generation.router.through(place.provider, parcel.model);
        const candidates = addressed(ofAccount(every, place.account), wishes);
        for (const note of vain(wishes)) held.record.warn({ ...note, target: place.provider });
        const guard = guardFor(held, { candidates, model });
        if (guard?.input) await guardParcel(parcel, guard.input, { held, media: false });
        const timed = withinTime(guard ? { ...held, guard } : held, wishes.timeoutMs);
        const response = await attemptAll(
          candidates,
          timed,
          (candidate, attempting) =>
            attempt({ current: attempting, call, object, parcel, model }, candidate),
          {
            once: !isRead(held.request),
            demand: {
              ...unreadDemand({
                model,
                operation,
                isRead: !makes(held.request) || endsBatch(held.request.method, object),
                tags: tagsOf(request.headers),
              }),
              ...(await batchDemandOf(batchOf(held, call, object, parcel), candidates)),
            },
          },
        ).catch((thrown: unknown) => {
          throw timed.signal.aborted ? timed.failure(thrown) : thrown;
        });
        isHandedOver = true;
        return response;
      });
    } finally {
      if (!isHandedOver) await parcel.dispose();
    }
  });

/**
 * Which models a body leads to that is not read (lines of a batch, fields of any name) is not known: it is for those
 * alone who may use all of the provider's (faults S21, S54).
 * @throws GatewayError `forbidden`
 */
function requireWhole(provider: string, { caller }: Exchange): void {
  const all = `${provider}/*`;
  if (reachOf(caller).mayUse?.(all) ?? true) return;
  throw new GatewayError(
    "forbidden",
    `This key is limited to certain models, and what is passed through, files and batches included, could use any: for that it needs \`${all.slice(0, 100)}\`.`,
    { param: "model" },
  );
}

/** Whether it may make something, which may cost something. */
const makes = ({ method }: Request): boolean => method !== "DELETE" && !isRead({ method });

const isRead = ({ method }: Pick<Request, "method">): boolean =>
  method === "GET" || method === "HEAD";

/** What a path says of the model, where the body does not. @example modelIn(["models", "m:embedContent"]) // → "m" */
function modelIn(segments: readonly string[]): string {
  const at = segments.indexOf("models");
  return (at < 0 ? undefined : segments[at + 1])?.split(":")[0] ?? "";
}

/** An account's objects are there for its own key alone. */
function ofAccount(candidates: readonly Candidate[], account: string | null): readonly Candidate[] {
  const own = candidates.filter(({ key }) => account !== null && key?.name === account);
  return own.length > 0 ? own : candidates;
}

interface Place {
  provider: string;
  account: string | null;
}

/** Which provider's, and that everything the request names is the caller's. @throws GatewayError `not_found`, `invalid_request` */
async function placeOf(
  current: Exchange,
  call: ThroughCall,
  object: ObjectPath | undefined,
  { references }: Parcel,
): Promise<Place> {
  const { record, request, generation, services } = current;
  const named = call.provider ?? providerNamed(request);
  const ids = [...(object?.id === undefined ? [] : [object.id]), ...references];
  const names = generation.config.providers.map(({ name }) => name);
  const found = await services.owners.find(ids, named === undefined ? names : [named]);
  const own = found.filter(({ owner }) => owner === record.tenant);
  // Without keys there is one caller, and the provider knows best what there is.
  const missing = record.tenant === null ? undefined : ids.find((id) => !has(own, id));
  if (missing !== undefined) throw unknownObject(missing);
  // Only what a key has made is its own to remove.
  if (record.tenant !== null && request.method === "DELETE" && object?.id === undefined) {
    throw unknownObject(call.path);
  }
  const [first] = own;
  const account = first?.account ?? null;
  if (first && own.some(({ provider }) => provider !== first.provider) && named === undefined) {
    throw new GatewayError("invalid_request", "The request names objects of several providers.");
  }
  return { provider: named ?? first?.provider ?? onlyProvider(call, generation), account };
}

const has = (objects: readonly { id: string }[], id: string): boolean =>
  objects.some((object) => object.id === id);

const unknownObject = (id: string): GatewayError =>
  new GatewayError("not_found", `No such object: '${id.slice(0, 200)}'.`);

const providerNamed = (request: Request): string | undefined =>
  request.headers.get(providerHeader)?.trim() ||
  new URL(request.url).searchParams.get("provider")?.trim() ||
  undefined;

/** @throws GatewayError `invalid_request`, `unsupported_feature` */
function onlyProvider({ operation, dialect }: ThroughCall, { config }: Generation): string {
  const able = config.providers.filter(({ preset }) =>
    preset.speaks[operation]?.some((endpoint) => endpoint.dialect === dialect.id),
  );
  // Any server of that kind might have them; a vendor is known to.
  const sure = able.filter(({ preset }) => preset.baseUrl !== undefined);
  const [first, ...others] = sure.length === 1 ? sure : able;
  if (first && others.length === 0) return first.name;
  if (!first) {
    throw new GatewayError(
      "unsupported_feature",
      `No provider here has ${operation} of this API. Below /providers/{provider}/ a provider's own API is passed through.`,
    );
  }
  throw new GatewayError(
    "invalid_request",
    `Several providers have ${operation}: ${able.map(({ name }) => `\`${name}\``).join(", ")}. Say which one in the header ${providerHeader}.`,
  );
}

interface Passage {
  current: Attempting;
  call: ThroughCall;
  object: ObjectPath | undefined;
  parcel: Parcel;
  model: string;
}

const batchOf = (
  current: Exchange,
  { dialect }: ThroughCall,
  object: ObjectPath | undefined,
  parcel: Parcel,
): BatchPassage => ({ current, dialect, object, parcel });

async function attempt(passage: Passage, candidate: Candidate): Promise<Response> {
  const { current, call, object, parcel } = passage;
  const { request, record } = current;
  const model = passage.model === parcel.model ? candidate.model : passage.model;
  const target = { ...candidate, model };
  const sendable = throughSendable(request, call, target);
  if (object && object.id === undefined && request.method === "GET" && record.tenant !== null) {
    return listOwn(sendable, current, {
      show: (answer) => withOwnLinks(answer, call, request),
    });
  }
  if (parcel.contentType) sendable.headers.set("content-type", parcel.contentType);
  const batch = batchOf(current, call, object, parcel);
  const seen = await resultsOf(batch, target, spokenBy(target));
  const relaying: Relaying = {
    dialect: call.dialect,
    operation: "chat",
    // What is only looked at was paid for when it was made.
    usageOf: request.method === "POST" ? spokenBy(target) : [],
    ...(seen && { seen }),
    finished: () => parcel.dispose(),
    ...(object && !isContent(object) && { edit: editor(passage, object, target) }),
  };
  return relayOnce({ ...sendable, ...parcel.content(candidate.model) }, current, relaying);
}

/** What the object holds, not what it is. */
const isContent = ({ below }: ObjectPath): boolean =>
  ["content", "results"].includes(below.at(-1) ?? "");

const spokenBy = ({ provider }: Candidate): Dialect[] =>
  [
    ...new Set(
      Object.values(provider.preset.speaks)
        .flat()
        .map((endpoint) => endpoint.dialect),
    ),
  ].map((id) => dialects[id]);

/** Puts on record what an answer tells of who made what. */
function editor(
  { current, call, parcel }: Passage,
  objectPath: ObjectPath,
  candidate: Candidate,
): NonNullable<Relaying["edit"]> {
  const { id, below } = objectPath;
  const { provider, key } = candidate;
  const { record, request, services } = current;
  return async (answer, attempted) => {
    const batch = batchOf(current, call, objectPath, parcel);
    await seeAnswer(batch, candidate, { answer, spoken: spokenBy(candidate), attempted });
    if (request.method === "DELETE" && id !== undefined && below.length === 0) {
      await services.owners.remove(provider.name, id);
    } else {
      const made = madeIn(answer, request.method === "POST" && id === undefined);
      await services.owners.keep(
        made.map((each) => ({
          id: each,
          provider: provider.name,
          owner: record.tenant,
          account: key?.name ?? null,
        })),
      );
    }
    return withOwnLinks(answer, call, request);
  };
}

/** Clients follow the link to a batch's results as it stands, with this gateway's key. */
function withOwnLinks(
  answer: Record<string, unknown>,
  { provider }: ThroughCall,
  request: Request,
): Record<string, unknown> {
  const id = idOf(answer);
  if (typeof answer["results_url"] !== "string" || id === undefined) return {};
  const door = provider === undefined ? "" : `/providers/${encodeURIComponent(provider)}`;
  const { origin } = new URL(request.url);
  return {
    results_url: `${origin}${door}/v1/messages/batches/${encodeURIComponent(id)}/results`,
  };
}
