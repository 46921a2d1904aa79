// A mixed load on a gateway with budgets: clients that leave, providers that fail in every way, and the sums at the end.
import { repeats } from "../numbers.ts";
import { chatRequest, type Key, moneyProviders, openScene, type Scene, usd } from "./scene.ts";

export interface MixedOptions {
  requests: number;
  seed?: number;
  atOnce?: number;
  onProgress?: (done: number) => void;
}

export interface MixedResult {
  requests: number;
  /** How many of each kind of course there were. */
  courses: Record<string, number>;
  statuses: Record<string, number>;
  attempts: number;
  /** Nano-dollars. */
  bill: bigint;
  billUntold: bigint;
  ledger: bigint;
  counter: bigint;
  charges: bigint;
  /** Requests whose rows and whose provider's bill differ. */
  differing: string[];
  /** Refusals of keys that could pay. */
  falseRefusals: number;
  refused: number;
  overspent: bigint;
  ms: number;
}

export const moneyRoutes = {
  plain: { deployments: ["openai/cheap"] },
  retried: { deployments: ["openai/cheap"], retry: { retries: 2 } },
  falls: {
    policy: "first",
    deployments: ["openai/cheap"],
    fallbacks: ["anthropic/middle", "gemini/dear"],
  },
  raced: {
    policy: "first",
    deployments: [
      { model: "openai/cheap", order: 1 },
      { model: "anthropic/middle", order: 2 },
    ],
    hedge: { after: "2ms", max_extra_spend: 1 },
  },
  continued: {
    policy: "first",
    on_midstream_failure: "continue",
    deployments: [
      { model: "openai/cheap", order: 1 },
      { model: "anthropic/middle", order: 2 },
      { model: "gemini/dear", order: 3 },
    ],
  },
} as const;

type Random = () => number;

/** https://en.wikipedia.org/wiki/Permuted_congruential_generator is more than this needs: mulberry32. */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pick = <Each>(random: Random, all: readonly Each[]): Each => {
  const found = all[Math.floor(random() * all.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
};

interface Course {
  name: string;
  model: string;
  stream: boolean;
  steps: string[];
  /** The client leaves when it has so many words. */
  leavesAfter?: number;
}

/** What becomes of one request. */
function courseOf(random: Random): Course {
  const some = 1 + Math.floor(random() * 8);
  const direct = pick(random, ["openai/cheap", "anthropic/middle", "gemini/dear", "plain"]);
  const stream = random() < 0.5;
  const lot = random();
  if (lot < 0.4) return { name: "whole", model: direct, stream, steps: ["ok"] };
  if (lot < 0.48) return { name: "without usage", model: "openai/cheap", stream, steps: ["quiet"] };
  if (lot < 0.56) {
    const steps = [
      pick(random, ["500", "429", "reset", "refused"]),
      pick(random, ["500", "reset", "refused"]),
      "ok",
    ];
    return {
      name: "retried",
      model: "retried",
      stream,
      steps: steps.slice(Math.floor(random() * 2)),
    };
  }
  if (lot < 0.66) {
    const steps = ["500", pick(random, ["reset", "refused", "500"]), "ok"];
    return {
      name: "fallback",
      model: "falls",
      stream,
      steps: steps.slice(Math.floor(random() * 2)),
    };
  }
  if (lot < 0.7) return { name: "failed", model: direct, stream, steps: ["500"] };
  if (lot < 0.8) {
    const step = pick(random, [`cut:${some}`, `half:${some}`, `fault:${some}`]);
    return { name: "broken stream", model: direct, stream: true, steps: [step] };
  }
  if (lot < 0.87) {
    return {
      name: "left stream",
      model: direct,
      stream: true,
      steps: [`hang:${some}`],
      leavesAfter: some,
    };
  }
  if (lot < 0.91) {
    return { name: "left before a word", model: direct, stream, steps: ["hang:0"], leavesAfter: 0 };
  }
  if (lot < 0.95) return { name: "race", model: "raced", stream: true, steps: ["slow:40", "ok"] };
  return { name: "gone on with", model: "continued", stream: true, steps: [`cut:${some}`, "ok"] };
}

/** Opens a scene of its own, unless one is given. */
export async function runMixed(options: MixedOptions): Promise<MixedResult> {
  const { requests, seed = repeats("SEED", 7), atOnce = 96, onProgress } = options;
  const scene = await openScene({ models: moneyRoutes, providers: moneyProviders });
  try {
    return await run(scene, { requests, seed, atOnce, onProgress: onProgress ?? (() => {}) });
  } finally {
    await scene.close();
  }
}

async function run(
  scene: Scene,
  { requests, seed, atOnce, onProgress }: Required<MixedOptions>,
): Promise<MixedResult> {
  const began = performance.now();
  const random = randomOf(seed);
  const whole = await scene.budget([{ kind: "gateway", id: "" }], usd(1_000_000));
  const richKeys: Key[] = [];
  for (let index = 0; index < 6; index += 1) {
    const key = await scene.key({ tags: [`tag-${index % 2}`] });
    await scene.budget([key.subject], usd(100_000), index % 2 === 0 ? { each: "end_user" } : {});
    richKeys.push(key);
  }
  await scene.budget([{ kind: "tag", id: "tag-0" }], usd(100_000));
  const poor: { key: Key; budget: string; limit: bigint }[] = [];
  for (let index = 0; index < 4; index += 1) {
    const key = await scene.key();
    const limit = usd(0.01 * (index + 1));
    poor.push({ key, limit, budget: await scene.budget([key.subject], limit) });
  }
  const result: MixedResult = {
    requests,
    attempts: 0,
    ms: 0,
    falseRefusals: 0,
    refused: 0,
    courses: {},
    statuses: {},
    differing: [],
    bill: 0n,
    billUntold: 0n,
    ledger: 0n,
    counter: 0n,
    charges: 0n,
    overspent: 0n,
  };
  const ids = new Map<string, string>();
  const courses = new Map<string, string>();
  let sent = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1;
      const isPoor = random() < 0.1;
      const key = isPoor ? pick(random, poor).key : pick(random, richKeys);
      const wire = pick(random, ["openai", "anthropic", "gemini"] as const);
      const course = courseOf(random);
      const left = new AbortController();
      const { path, init, id } = chatRequest(wire, key, {
        model: course.model,
        stream: course.stream,
        maxTokens: random() < 0.2 && wire !== "anthropic" ? null : 16 + Math.floor(random() * 40),
        plan: { say: 10 + Math.floor(random() * 30), steps: course.steps },
        headers: random() < 0.3 ? { "x-megallm-tags": `t${Math.floor(random() * 5)}` } : {},
        ...(wire === "openai" && random() < 0.5 && { body: { user: `u${sent % 9}` } }),
        signal: left.signal,
      });
      courses.set(id, course.name);
      count(result.courses, course.name);
      const { status, requestId } = await converse(scene, { path, init, id, course, left });
      count(result.statuses, String(status));
      if (requestId) ids.set(requestId, id);
      if (status === 402) {
        result.refused += 1;
        if (!isPoor) result.falseRefusals += 1;
      }
      done += 1;
      if (done % 500 === 0) onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  await scene.running.idle();
  await scene.audit();
  const { spent, charged } = await scene.account(whole);
  result.attempts = scene.upstream.count;
  result.bill = scene.upstream.total();
  result.billUntold = scene.upstream.bill.reduce(
    (sum, { isTold, nanos }) => (isTold ? sum : sum + nanos),
    0n,
  );
  result.ledger = await scene.ledger();
  result.counter = spent;
  result.charges = charged;
  for (const { budget, limit } of poor) {
    const used = await scene.account(budget);
    if (used.largest > limit) result.overspent += used.largest - limit;
  }
  result.differing = await differing(scene, ids, courses);
  result.ms = performance.now() - began;
  return result;
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** Talks as the course says. A status of 0: the client left before there was one. */
async function converse(
  scene: Scene,
  told: {
    path: string;
    init: RequestInit;
    id: string;
    course: Course;
    left: AbortController;
  },
): Promise<{ status: number; requestId: string | null }> {
  const { path, init, id, course, left } = told;
  const { leavesAfter } = course;
  let answer: Response | undefined;
  const asking = scene.running.fetch(path, init);
  if (leavesAfter === 0) {
    // As soon as the provider is at work; a refusal comes before that.
    const refused = await Promise.race([asking, scene.upstream.arrived(id)]);
    if (refused instanceof Response) answer = refused;
    else left.abort();
  }
  try {
    answer ??= await asking;
    const requestId = answer.headers.get("x-request-id");
    if (leavesAfter === undefined || answer.status !== 200) {
      await answer.text();
      return { status: answer.status, requestId };
    }
    let text = "";
    for await (const piece of answer.body ?? []) {
      text += Buffer.from(piece).toString();
      if ((text.match(/" ?a"/g)?.length ?? 0) >= leavesAfter) break;
    }
    left.abort();
    return { status: answer.status, requestId };
  } catch (error) {
    if (!left.signal.aborted) throw error;
    return { status: 0, requestId: null };
  }
}

/** Requests whose cost is not what the provider billed for them. */
async function differing(
  scene: Scene,
  ids: ReadonlyMap<string, string>,
  courses: ReadonlyMap<string, string>,
): Promise<string[]> {
  const billed = new Map<string, bigint>();
  for (const { id, nanos } of scene.upstream.bill) billed.set(id, (billed.get(id) ?? 0n) + nanos);
  const found: string[] = [];
  for (const [requestId, id] of ids) {
    if (found.length >= 20) break;
    const row = await scene.store.request(requestId);
    const cost = row?.usage.costNanos ?? 0n;
    const bill = billed.get(id) ?? 0n;
    if (cost !== bill) found.push(`${courses.get(id)} ${requestId}: ledger ${cost}, bill ${bill}`);
  }
  return found;
}

/** Sums as lines of text. */
export function reportOf(result: MixedResult): string[] {
  const shown = (nanos: bigint): string => `$${(Number(nanos) / 1e9).toFixed(9)}`;
  const list = (counts: Record<string, number>): string =>
    Object.entries(counts)
      .toSorted(([, one], [, other]) => other - one)
      .map(([name, times]) => `${name} ${times}`)
      .join(", ");
  const { requests, attempts, bill, billUntold, ledger, counter, charges } = result;
  return [
    `${requests} requests, ${attempts} at providers, ${(result.ms / 1_000).toFixed(1)} s`,
    `courses: ${list(result.courses)}`,
    `statuses: ${list(result.statuses)} (0: the client left first)`,
    `providers' bill ${shown(bill)}, of it ${shown(billUntold)} for answers that told no usage`,
    `ledger ${shown(ledger)}, counter ${shown(counter)}, charges ${shown(charges)}`,
    `ledger − bill = ${ledger - bill} nano-dollars, counter − ledger = ${counter - ledger}, charges − counter = ${charges - counter}`,
    `${result.refused} refused for their budgets, ${result.falseRefusals} of them wrongly; overspent ${result.overspent} nano-dollars`,
  ];
}
