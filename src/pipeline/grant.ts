// The deployments of one request as it wishes them, without those that cannot answer it, and the request as each is to see it.
import { reachOf } from "../access/reach.ts";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../ir/error.ts";
import { withoutMembers, withoutPath } from "../lib/json-members.ts";
import { parseUsd } from "../lib/money.ts";
import { withYields } from "../routing/fallbacks.ts";
import { tellExcluded } from "../routing/fact.ts";
import { type Candidate, deploymentId, fallbackOrder } from "../routing/candidate.ts";
import { priceAt } from "../routing/entries.ts";
import type { RoutingContext } from "../routing/router.ts";
import { capable, losslessFirst, type Note } from "./able.ts";
import type { Inbound } from "./inbound.ts";
import { routingContext, type Situation } from "./order.ts";
import type { ProviderWishes } from "./wish-openrouter.ts";
import { forbidden } from "./wish-values.ts";
import { noWishes, type Wishes } from "./wishes.ts";

export interface Granted {
  candidates: Candidate[];
  /** The order is what the request asks for: no session changes it. */
  isOrdered: boolean;
  /** Without what was meant for the gateway alone, and with what it could not do. */
  seenBy(candidate: Candidate): Inbound;
}

/**
 * The order for the request's model and the fallbacks that it names. `read` inspects a body anew.
 * @throws GatewayError `model_not_found`, `no_route`, `invalid_request` where the wishes leave nobody, `forbidden`
 */
export async function grant(
  inbound: Inbound,
  wishes: Wishes,
  situation: Situation,
  read: (bytes: Uint8Array) => Inbound,
): Promise<Granted> {
  const { choice } = wishes;
  const context = {
    ...routingContext(inbound, situation),
    ...reachOf(situation.caller),
    ...(choice && { choice }),
    defaults: inbound.operation === "chat",
  };
  const { groups, missing, isSorted, isNoneHere } = await groupsOf(
    inbound,
    wishes,
    situation,
    context,
  );
  const notes: Note[] = [...wishes.unmet];
  if (choice?.tags && !hasTags(situation.generation.config)) {
    notes.unshift({ field: "tags", reason: "no deployment here has tags" });
  }
  const { note } = situation;
  const wished = await wishedFor(groups, wishes.provider, situation);
  const able = await capable(inbound, wished, note);
  if (able.note) notes.push(able.note);
  const toldBy = (candidate: Candidate): { gone: string[]; told: Note[] } => {
    const kept = keptBy(candidate, wishes, {
      isNoneHere,
      isLimited: context.mayUse !== undefined,
    });
    const told = [
      ...notes.filter(({ field }) => !kept.has(field.split(".")[0] ?? field)),
      ...(kept.has("models") ? [] : missing),
    ];
    return { gone: wishes.fields.filter((name) => !kept.has(name)), told };
  };
  const bare = new Map<string, Inbound>();
  const without = (gone: string[]): Inbound => {
    if (gone.length === 0) return inbound;
    const known = bare.get(gone.join());
    if (known) return known;
    const { goesOn, resumedFrom } = inbound;
    const made = {
      ...read(withoutFields(inbound.bytes, gone)),
      // What is known of the conversation stands in no body.
      ...(goesOn && { goesOn }),
      ...(resumedFrom !== undefined && { resumedFrom }),
    };
    bare.set(gone.join(), made);
    return made;
  };
  const { requireParameters } = wishes.provider;
  const isPicky = requireParameters === true && able.candidates.length > 1;
  const inOrder = isPicky
    ? await losslessFirst(able.candidates, (each) => without(toldBy(each).gone))
    : able.candidates;
  if (isPicky)
    note?.({
      type: "noted",
      why: "who takes all of the request goes first (`require_parameters`)",
    });
  return {
    candidates: withYields(inOrder).map(withLimits(wishes)),
    isOrdered: isSorted || isPicky || wishes.provider.order !== undefined,
    seenBy(candidate) {
      const { gone, told } = toldBy(candidate);
      const seen = without(gone);
      return told.length === 0 ? seen : { ...seen, notes: told };
    },
  };
}

/** As the request limits it. */
const withLimits =
  ({ retries, patience }: Wishes) =>
  (each: Candidate): Candidate =>
    retries === undefined && !patience
      ? each
      : {
          ...each,
          ...(retries !== undefined && { retry: { ...each.retry, retries } }),
          ...(patience && { patience }),
        };

const hasTags = ({ routes }: Config): boolean =>
  [...routes.values()].some(({ deployments }) =>
    deployments.some(({ tags = [] }) => tags.length > 0),
  );

/** A name with a point is a part of a field. */
function withoutFields(bytes: Uint8Array, names: readonly string[]): Uint8Array {
  const isPart = (name: string): boolean => name.includes(".");
  const whole = withoutMembers(
    bytes,
    names.filter((name) => !isPart(name)),
  );
  return names
    .filter(isPart)
    .reduce((left, name) => withoutPath(left, name.split(".")) ?? left, whole);
}

/** Whoever routes itself understands these; what the operator lets through stays as well. */
function keptBy(
  { provider, parameters }: Candidate,
  { fields, provider: wishes }: Wishes,
  { isNoneHere, isLimited }: { isNoneHere: boolean; isLimited: boolean },
): ReadonlySet<string> {
  // Who may not use everything names no models to others (fault S21).
  const kept = new Set(
    parameters.allow.filter((name) => !isLimited || (name !== "models" && name !== "fallbacks")),
  );
  if (!provider.preset.routesItself) return kept;
  kept.add("usage");
  // Names that mean nothing here are its own; a list that the gateway goes through is not gone through twice.
  if (isNoneHere && !isLimited && fields.includes("models")) kept.add("models");
  const named = [wishes.order, wishes.only, wishes.ignore].flatMap((names) => names ?? []);
  if (!named.includes(provider.name.toLowerCase())) kept.add("provider");
  return kept;
}

/** The deployments of the model and of each fallback; what the operator wrote as fallbacks stands behind all of them. */
async function groupsOf(
  inbound: Inbound,
  wishes: Wishes,
  { generation, caller, note }: Situation,
  context: RoutingContext,
): Promise<{
  groups: Candidate[][];
  missing: Note[];
  isSorted: boolean;
  /** None of the fallbacks that the request names. */
  isNoneHere: boolean;
}> {
  const { router } = generation;
  const wished = wishes.policy ?? wishes.provider.sort;
  const groups: Candidate[][] = [];
  const behind: Candidate[] = [];
  const missing: Note[] = [];
  const lost = new Set<string>();
  let failure: GatewayError | undefined;
  let isSorted = wished !== undefined;
  const names = [inbound.model, ...wishes.fallbacks];
  for (const written of new Set(names)) {
    const aim = await router.aim(written, context.aliases);
    if (aim.ending !== undefined && caller.overrides === false) throw forbidden(aim.ending);
    const policy = wished ?? aim.policy;
    if (aim.name !== written) {
      const by = aim.policy === undefined ? "" : ` by ${aim.policy}`;
      note?.({ type: "noted", why: `\`${written}\` asks for \`${aim.name}\`${by}` });
    }
    if (aim.policy !== undefined) isSorted = true;
    try {
      const found = await router.candidates(aim.name, {
        ...context,
        ...(policy && { policy }),
        isAimed: true,
      });
      if (names.length === 1) return { groups: [found], missing, isSorted, isNoneHere: false };
      const base = groups.length * fallbackOrder;
      const own = found.filter(({ order }) => order < fallbackOrder);
      const takesAll = groups.length > 0;
      groups.push(
        own.map((each) => ({ ...each, order: each.order + base, ...(takesAll && { takesAll }) })),
      );
      behind.push(...found.filter((each) => !own.includes(each)));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      failure ??= error;
      lost.add(written);
      note?.({ type: "noted", why: `\`${written}\` is passed over: ${error.message}` });
      missing.push({
        field: written === inbound.model ? "model" : "fallbacks",
        reason: `\`${written}\` is passed over: ${error.message}`,
      });
    }
  }
  if (groups.length === 0) throw failure ?? new GatewayError("no_route", "No model is named.");
  const last = behind.map((each) => ({
    ...each,
    order: each.order + groups.length * fallbackOrder,
  }));
  const all = last.length > 0 ? [...groups, last] : groups;
  const seen = new Set<string>();
  const isAlone = all.length === 1 && all[0]?.length === 1;
  const first = (each: Candidate): boolean => {
    if (isAlone) return true;
    const special = each.fallbackFor && [each.fallbackFor, ...each.via];
    const id = JSON.stringify([each.provider.name, each.model, each.key?.name, special]);
    return !seen.has(id) && Boolean(seen.add(id));
  };
  return {
    groups: all.map((group) => group.filter(first)),
    missing,
    isSorted,
    isNoneHere: wishes.fallbacks.every((name) => lost.has(name)),
  };
}

/** @throws GatewayError `invalid_request` where nobody is left: such wishes are not overruled */
async function wishedFor(
  groups: Candidate[][],
  wishes: ProviderWishes,
  situation: Situation,
): Promise<Candidate[]> {
  if (wishes === noWishes.provider) return groups.flat();
  const left = await Promise.all(groups.map((group) => wishedIn(group, wishes, situation)));
  const all = left.flat();
  if (all.some(({ fallbackFor }) => fallbackFor === undefined)) return all;
  const names = new Set(groups.flat().map(({ provider }) => `\`${provider.name}\``));
  throw new GatewayError(
    "invalid_request",
    `\`provider\` excludes every provider of this model: ${[...names].join(", ")}.`,
    { param: "provider" },
  );
}

async function wishedIn(
  group: Candidate[],
  wishes: ProviderWishes,
  { generation, note }: Situation,
): Promise<Candidate[]> {
  const { allowFallbacks, ignore = [], maxPrice, only, order } = wishes;
  const isNamed = ({ provider }: Candidate, names: readonly string[]): boolean =>
    names.includes(provider.name.toLowerCase()) || names.includes(provider.preset.id);
  // Whoever routes itself obeys a list that does not name it among its own.
  const isOnly = (each: Candidate): boolean =>
    only === undefined ||
    isNamed(each, only) ||
    (each.provider.preset.routesItself === true && !group.some((other) => isNamed(other, only)));
  let left = group.filter((each) => isOnly(each) && !isNamed(each, ignore));
  const gone = (why: (each: Candidate) => string) => ({ idOf: deploymentId, why });
  const unwanted = (each: Candidate): string => (isOnly(each) ? "`ignore`" : "`only`");
  tellExcluded(
    note,
    [group, left],
    gone((each) => `excluded by ${unwanted(each)} in \`provider\``),
  );
  if (maxPrice) {
    const { config } = generation;
    const within = await Promise.all(left.map((each) => isWithin(each, maxPrice, config)));
    const cheap = left.filter((_, at) => within[at]);
    tellExcluded(
      note,
      [left, cheap],
      gone(() => "dearer than `max_price`"),
    );
    left = cheap;
  }
  if (order) {
    const rank = ({ provider }: Candidate): number => {
      const at = order.findIndex(
        (name) => name === provider.name.toLowerCase() || name === provider.preset.id,
      );
      return at < 0 ? order.length : at;
    };
    left = left.toSorted((one, other) => rank(one) - rank(other));
    note?.({ type: "noted", why: `the request's own order of providers: ${order.join(", ")}` });
  }
  if (allowFallbacks !== false) return left;
  const named = order ? left.filter((each) => isNamed(each, order)) : [];
  const [best] = left;
  const alone =
    named.length > 0
      ? named
      : left.filter(({ provider, model }) => provider === best?.provider && model === best.model);
  tellExcluded(
    note,
    [left, alone],
    gone(() => "`allow_fallbacks` is false"),
  );
  return alone;
}

/** A price that nobody knows may be within any limit. */
async function isWithin(
  candidate: Candidate,
  { prompt, completion }: NonNullable<ProviderWishes["maxPrice"]>,
  config: Config,
): Promise<boolean> {
  const price = await priceAt(candidate, config);
  if (!price) return true;
  const isUnder = (nanos: bigint, limit: number | undefined): boolean => {
    const most = limit === undefined ? undefined : parseUsd(limit.toFixed(9));
    return most === undefined || nanos <= most;
  };
  return isUnder(price.input, prompt) && isUnder(price.output, completion);
}
