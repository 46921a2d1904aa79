// Answers asked for again by their id: from the store where the gateway keeps them, else from the provider that does.
import { isGroup, type Route } from "../config/config.ts";
import type { Dialect, KeptCodec } from "../dialects/dialect.ts";
import { GatewayError } from "../ir/error.ts";
import { background } from "../lib/background.ts";
import type { JsonObject } from "../lib/json.ts";
import type { KeptAnswer } from "./conversations.ts";
import type { Candidate } from "../routing/candidate.ts";
import { attemptAll } from "./attempts.ts";
import { unreadDemand } from "./demand.ts";
import { type Attempting, type Exchange, exchange } from "./exchange.ts";
import { relayOnce } from "./relay.ts";
import { guardFor } from "./guard.ts";
import { guardedAnswer } from "./guarded-answer.ts";
import type { Generation, Services } from "./services.ts";
import { segmentsOf, throughSendable } from "./through-request.ts";

export interface KeptCall {
  /** The client's; one whose servers keep answers. */
  dialect: Dialect;
  /** Below the API's base, e.g. `/responses/resp_1/input_items`. */
  path: string;
  /** The provider, where the path names it. */
  provider?: string;
}

/** Answers a request for a kept answer; never rejects. */
export const handleKept = (
  request: Request,
  call: KeptCall,
  generation: Generation,
  services: Services,
): Promise<Response> => {
  const about = { dialect: call.dialect, operation: "pass-through" } as const;
  return exchange(request, about, { generation, services }, async (current) => {
    const { record } = current;
    const [name = "", id = "", part, ...more] = segmentsOf(call.path);
    const action = actionOf(request.method, part, more.length);
    const { state } = call.dialect;
    record.identify({ model: name, stream: false, operation: about.operation });
    if (!state || !action) {
      throw new GatewayError("not_found", `${request.method} ${call.path} is not served here.`);
    }
    const kept = await services.conversations.find(id, record.tenant);
    const isElsewhere = call.provider !== undefined && kept?.provider !== call.provider;
    // Without keys there is one caller, and a provider knows best what it has.
    if (record.tenant !== null && (!kept || isElsewhere)) throw state.kept.missing(id);
    if (kept?.whole) return local(current, { id, action, whole: kept.whole, codec: state.kept });
    const provider = call.provider ?? kept?.provider ?? onlyKeeper(call.dialect, generation);
    if (provider === undefined) throw state.kept.missing(id);
    return elsewhere(current, { ...call, id, action, kept }, provider);
  });
};

type Action = "show" | "delete" | "cancel" | "input";

function actionOf(method: string, part: string | undefined, deeper: number): Action | undefined {
  if (deeper > 0) return undefined;
  switch (`${method} ${part ?? ""}`.trim()) {
    case "GET":
      return "show";
    case "DELETE":
      return "delete";
    case "GET input_items":
      return "input";
    case "POST cancel":
      return "cancel";
    default:
      return undefined;
  }
}

/** The provider whose answers they must be, when there is but one that keeps any. */
function onlyKeeper(dialect: Dialect, { config }: Generation): string | undefined {
  const able = config.providers.filter(({ preset }) =>
    preset.speaks.chat?.some((endpoint) => endpoint.dialect === dialect.id),
  );
  return able.length === 1 ? able[0]?.name : undefined;
}

async function local(
  current: Exchange,
  asked: { id: string; action: Action; whole: NonNullable<KeptAnswer["whole"]>; codec: KeptCodec },
): Promise<Response> {
  const { request, record, services } = current;
  const { id, action, whole, codec } = asked;
  const body = async (): Promise<string> => {
    const { searchParams } = new URL(request.url);
    switch (action) {
      case "show":
        if (searchParams.get("stream") === "true") throw codec.cannotStream();
        return JSON.stringify(whole.answer);
      case "input":
        return codec.inputItems(whole.input, id, searchParams);
      case "cancel":
        throw codec.cannotCancel();
      case "delete":
        await services.conversations.remove(id);
        return codec.deleted(id);
      default:
        return action satisfies never;
    }
  };
  const guard = guardFor(current, { candidates: [], model: "" });
  const shown = await guardedAnswer(await body(), guard ?? undefined);
  await record.settle({ error: null, httpStatus: 200 });
  return new Response(shown, {
    headers: { "content-type": "application/json", ...record.headers() },
  });
}

/** What the request that asked for it was charged in full is put right, as soon as it is known what it cost. */
function resolveLater({ record, services }: Exchange, requestId: string): void {
  record.onPriced((cost) => {
    if (cost === null) return;
    background(
      services.store.accounts.resolve(requestId, cost),
      "charge of an answer made in the background",
    );
  });
}

async function elsewhere(
  current: Exchange,
  asked: KeptCall & { id: string; action: Action; kept: KeptAnswer | null },
  provider: string,
): Promise<Response> {
  const { request, record, services, generation } = current;
  const { dialect, path, id, action, kept } = asked;
  const all = generation.router.through(provider, "");
  const own = all.filter(({ key }) => kept?.account !== undefined && key?.name === kept.account);
  const settleUp = async (answer: JsonObject): Promise<JsonObject> => {
    if (action === "delete") await services.conversations.remove(id);
    else if (action !== "input" && dialect.state?.isOpen(answer) === false) {
      await services.conversations.close(id, record.tenant);
      if (kept?.isOpen && kept.requestId !== undefined) resolveLater(current, kept.requestId);
    }
    return {};
  };
  const candidates = (own.length > 0 ? own : all).map((candidate) => ({
    ...candidate,
    model: kept?.model ?? "",
  }));
  // What it used was set aside when it was asked for.
  const demand = unreadDemand({ model: kept?.model ?? "", operation: "chat", isRead: true });
  const attempt = (candidate: Candidate, attempting: Attempting): Promise<Response> => {
    const sendable = throughSendable(request, { dialect, path, operation: "chat" }, candidate);
    return relayOnce(sendable, attempting, {
      dialect,
      operation: "chat",
      // An answer made in the background was not paid for when it was asked for.
      usageOf: kept?.isOpen && action !== "input" ? [dialect] : [],
      finished: async () => {},
      edit: settleUp,
    });
  };
  const guard = guardFor(current, {
    candidates: routesTo(provider, generation),
    model: kept?.model ?? "",
  });
  const looked = guard ? { ...current, guard } : current;
  return attemptAll(candidates, looked, attempt, { demand });
}

/** Whichever of them it was asked for by: the provider has it as nobody has looked at it. */
const routesTo = (provider: string, { config }: Generation): Route[] =>
  [...config.routes.values()].filter(({ deployments }) =>
    deployments.some((each) => !isGroup(each) && each.provider === provider),
  );
