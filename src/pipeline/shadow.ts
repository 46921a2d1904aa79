// Shadows: a share of a route's requests is sent to another model, too, behind the client's back and never at its cost.
import type { Shadow } from "../config/config.ts";
import type { Operation } from "../ir/chat.ts";
import { GatewayError, toGatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Nanos } from "../lib/money.ts";
import { fractionOf } from "../routing/random.ts";
import type { Yielding } from "../routing/yielding.ts";
import type { ShadowLink } from "../store/shadows.ts";
import type { Store } from "../store/store.ts";
import type { Exchange } from "./exchange.ts";
import type { Asked } from "./inbound.ts";
import type { Plan } from "./plan.ts";
import type { Generation, Services } from "./services.ts";
import { createNoteTaker, keepAnswers, type NoteTaker } from "./shadow-answer.ts";
import { apartFrom, noCache, noConversations, noVault } from "./shadow-apart.ts";
import { type Copy, copyOf, noOwners, type Refused } from "./shadow-copy.ts";
import { createTraffic, type Traffic } from "./traffic.ts";

/** Answers a request from beginning to end. */
type Answering = (
  request: Request,
  asked: Asked,
  generation: Generation,
  services: Services,
) => Promise<Response>;

/** One request of which copies are to be sent. */
export interface Mirror {
  /** The request, with how its answer ends noted. */
  exchange: Exchange;
  /** Sends the copies when the answer has begun, or failed. */
  follow(answered: Promise<Response>, asked: Asked, answer: Answering): void;
}

export interface ShadowCounts {
  running: number;
  sent: number;
  /** Requests that were to be copied and were not, by reason. */
  skipped: Readonly<Record<string, number>>;
}

export interface Shadows {
  /** Null where nothing is copied of the request. */
  mirror(planned: Plan, current: Exchange): Mirror | null;
  counts(): ShadowCounts;
  readonly running: number;
  /** Resolves when those that run now are over, and their rows are on record. */
  ended(): Promise<void>;
}

/** Within a shadow there are none. */
const noShadows: Shadows = {
  mirror: () => null,
  counts: () => ({ running: 0, sent: 0, skipped: {} }),
  running: 0,
  ended: async () => {},
};

type Skipped =
  | Refused
  /** As many copies under way as may be, or as memory allows. */
  | "busy"
  | "too_large"
  /** The day's money is spent, or what was spent is not known. */
  | "max_cost_per_day"
  | "price_unknown"
  | "store_unavailable"
  /** The request was faulty, or its client left. */
  | "request_failed"
  | "stopping";

/** Asking twice changes nothing. */
const copied: ReadonlySet<Operation> = new Set(["chat", "completions", "embeddings"]);

/** Largest body that is copied, and most that the copies under way may hold, bytes. */
const maxBodyBytes = 4 * 1024 * 1024;
const maxAllBytes = 64 * 1024 * 1024;
const dayMs = 86_400_000;

/** What one shadow of one route is about. */
interface Lane {
  running: number;
  day: number;
  /** Of that day; null where it is still to be read. */
  spent: Nanos | null;
  isUnpriced: boolean;
  /** What one copy cost at most: so much is set aside for each that is under way. */
  dearest: Nanos;
}

/** A client's request while it is answered. */
interface Original {
  planned: Plan;
  current: Exchange;
  notes: NoteTaker;
  /** Its answer is over, and on its way to the ledger. */
  over: Promise<void>;
  isOver: boolean;
}

/** One copy. */
interface Errand {
  original: Original;
  shadow: Shadow;
  route: string;
  lane: Lane;
  asked: Asked;
  answer: Answering;
}

export function createShadows(
  store: Store,
  log: Logger,
  yielding: Pick<Yielding, "spare">,
): Shadows {
  /** What copies meet is nobody else's experience. */
  const traffic = createTraffic(log);
  const lanes = new Map<string, Lane>();
  const inFlight = new Set<string>();
  const skipped = new Map<Skipped, number>();
  const active = new Set<Promise<void>>();
  let running = 0;
  let sent = 0;
  let heldBytes = 0;

  const skip = (reason: Skipped): void => void skipped.set(reason, (skipped.get(reason) ?? 0) + 1);

  const laneOf = (route: string, { model }: Shadow): Lane => {
    const name = JSON.stringify([route, model]);
    const lane = lanes.get(name) ?? {
      running: 0,
      day: -1,
      spent: null,
      isUnpriced: false,
      dearest: 0n,
    };
    lanes.set(name, lane);
    return lane;
  };

  /** Why this copy may not be paid for; null when it may. */
  const unaffordable = async ({ lane, route, shadow }: Errand): Promise<Skipped | null> => {
    const cap = shadow.maxCostPerDayNanos;
    if (cap === undefined) return null;
    const day = Math.floor(now() / dayMs);
    if (lane.day !== day) Object.assign(lane, { day, spent: null, isUnpriced: false });
    if (lane.spent === null) {
      try {
        const found = await store.shadows.spent({ route, target: shadow.model }, day * dayMs);
        // Others may have read it meanwhile, and added to it.
        if (lane.spent === null) lane.spent = found.costNanos;
        lane.isUnpriced ||= found.unpriced > 0;
      } catch (error) {
        log.warn("shadow.spend_unreadable", { route, target: shadow.model }, error);
        return "store_unavailable";
      }
    }
    if (lane.isUnpriced) return "price_unknown";
    // Those under way are not in `spent` yet; this one is among them.
    const asked = lane.dearest * BigInt(lane.running);
    return lane.spent + asked > cap || lane.spent >= cap ? "max_cost_per_day" : null;
  };

  const send = async (errand: Errand): Promise<void> => {
    const { lane, original, shadow } = errand;
    const { services } = original.current;
    const size = original.planned.inbound.bytes.length;
    if (services.draining.aborted) return skip("stopping");
    if (size > maxBodyBytes) return skip("too_large");
    if (lane.running >= shadow.maxConcurrent || heldBytes + size > maxAllBytes) return skip("busy");
    lane.running += 1;
    running += 1;
    heldBytes += size;
    try {
      const reason = await unaffordable(errand);
      if (reason) return skip(reason);
      const copy = await copyOf(original.planned, errand.asked, shadow.model);
      if (typeof copy === "string") return skip(copy);
      sent += 1;
      await complete(errand, copy);
    } finally {
      lane.running -= 1;
      running -= 1;
      heldBytes -= size;
    }
  };

  const complete = async (errand: Errand, { request, asked }: Copy): Promise<void> => {
    const { answer, lane, original, route, shadow } = errand;
    const { generation, record, services } = original.current;
    const notes = createNoteTaker(noConversations(services));
    const over = new AbortController();
    const link: ShadowLink = {
      requestId: record.requestId,
      route,
      target: shadow.model,
      requestFinish: null,
      shadowFinish: null,
    };
    let shadowId: string | undefined;
    const settle: Store["settle"] = ({ experiment: _none, ...row }, ...rest) => {
      shadowId = row.requestId;
      if (lane.spent !== null && row.costNanos !== null) lane.spent += row.costNanos;
      if (row.costNanos === null && row.inputTokens + row.outputTokens > 0) lane.isUnpriced = true;
      if (row.costNanos !== null && row.costNanos > lane.dearest) lane.dearest = row.costNanos;
      link.shadowFinish = notes.notes().finish;
      if (original.isOver) link.requestFinish = original.notes.notes().finish;
      return services.store.settle({ ...row, shadow: { ...link } }, ...rest);
    };
    const gates = yielding.spare(() =>
      over.abort(new GatewayError("unavailable", "A client's request wanted the shadow's place.")),
    );
    const apart: Services = {
      ...services,
      store: { ...services.store, settle },
      vault: noVault,
      conversations: notes.conversations,
      cache: noCache,
      owners: noOwners,
      traffic: { ...traffic, gates } satisfies Traffic,
      shadows: noShadows,
      inFlight,
      shutdown: AbortSignal.any([services.shutdown, services.draining, over.signal]),
    };
    try {
      const response = await answer(request, asked, apartFrom(generation), apart);
      await drained(response);
      await original.over;
      if (shadowId !== undefined) await tell(errand, { shadowId, link, notes });
    } finally {
      notes.drop();
    }
  };

  /** What could not be told when the copy was over. */
  const tell = async (
    { original, shadow }: Errand,
    { shadowId, link, notes }: { shadowId: string; link: ShadowLink; notes: NoteTaker },
  ): Promise<void> => {
    const { finish, text } = original.notes.notes();
    try {
      if (link.requestFinish === null && finish !== null) {
        await store.shadows.finished(shadowId, finish);
      }
      if (shadow.keepAnswers) {
        const answers = { request: text, shadow: notes.notes().text };
        await keepAnswers(store.items, shadowId, answers);
      }
    } catch (error) {
      log.warn("shadow.not_kept", { requestId: shadowId }, error);
    }
  };

  const follow = async (
    errands: readonly Errand[],
    original: Original,
    answered: Promise<Response>,
  ): Promise<void> => {
    try {
      const isWorthIt = await answered.then(
        () => true,
        (thrown: unknown) => isOfProvider(toGatewayError(thrown)),
      );
      // The client's answer leaves first.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (!isWorthIt) return errands.forEach(() => skip("request_failed"));
      const sending = errands.map(send);
      for (const each of sending) active.add(each);
      const done = await Promise.allSettled(sending);
      for (const each of sending) active.delete(each);
      for (const each of done) {
        if (each.status === "rejected") log.error("shadow.failed", {}, each.reason);
      }
      await original.over;
    } finally {
      original.notes.drop();
    }
  };

  return {
    mirror(planned, current) {
      const mirrored = planned.candidates[0]?.mirrored;
      if (!mirrored || !copied.has(planned.inbound.operation)) return null;
      const { requestId } = current.record;
      const { route } = mirrored;
      const chosen = mirrored.shadows.filter(
        ({ model, share }) => fractionOf(`${requestId}\n${route}\n${model}`) < share,
      );
      if (chosen.length === 0) return null;
      const notes = createNoteTaker(current.services.conversations);
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const original: Original = { planned, current, notes, over, isOver: false };
      current.record.onPriced(() => {
        original.isOver = true;
        resolve();
      });
      return {
        exchange: {
          ...current,
          services: { ...current.services, conversations: notes.conversations },
        },
        follow(answered, asked, answer) {
          const errands = chosen.map((shadow) => {
            const lane = laneOf(route, shadow);
            return { original, shadow, route, lane, asked, answer };
          });
          background(follow(errands, original, answered), "shadows of a request");
        },
      };
    },
    counts: () => ({ running, sent, skipped: Object.fromEntries(skipped) }),
    get running() {
      return running;
    },
    ended: async () => void (await Promise.allSettled(active)),
  };
}

/** Not the request's own fault, and not its client's. */
const isOfProvider = ({ code, status }: GatewayError): boolean =>
  code !== "client_closed" && (status >= 500 || status === 429);

/** Reads an answer that nobody wants, so that it comes to its end. */
async function drained({ body }: Response): Promise<void> {
  const reader = body?.getReader();
  try {
    while (reader && !(await reader.read()).done);
  } catch (error) {
    // It was put out; its row says so.
    if (!(error instanceof Error)) throw error;
  }
}
