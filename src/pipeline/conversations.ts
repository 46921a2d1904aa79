// Conversations by id: answers are kept for providers that keep none, and for the others, who has them.
import type { StateCodec } from "../dialects/dialect.ts";
import type { Inbound } from "./inbound.ts";
import { background } from "../lib/background.ts";
import { now } from "../lib/clock.ts";
import type { Frame } from "../lib/frame.ts";
import { isObject, type JsonObject, parseObject } from "../lib/json.ts";
import type { Items } from "../store/items.ts";

/** An answer on record. */
export interface KeptAnswer {
  /** The configured provider that gave it. */
  provider: string;
  /** Name of the provider's key that it was asked for with. */
  account?: string;
  /** The provider's own name of the model. */
  model?: string;
  /** It was not done when it was last seen, so nobody knows yet what it costs. */
  isOpen?: boolean;
  /** The request that asked for it, which was charged in full until that is known. */
  requestId?: string;
  /** What the conversation held before it, and the answer; absent where the provider keeps it itself. */
  whole?: { input: JsonObject[]; answer: JsonObject };
}

/** Watches one answer as the client gets it. */
export interface AnswerWatch {
  frame(frame: Frame): void;
  answer(answer: JsonObject): void;
  /** Another provider goes on with it: whoever began it does not have the whole. */
  goneOnWith?(): void;
}

export interface Conversations {
  /**
   * The request with all that went before in it, where the gateway has it; `again` reads the new body.
   * Else `goesOn` says who has it.
   */
  resume(
    inbound: Inbound,
    tenant: string | null,
    again: (bytes: Uint8Array) => Inbound,
  ): Promise<Inbound>;
  /** Keeps the answer of this request when it is whole; null where nobody wants that. */
  watch(
    inbound: Inbound,
    tenant: string | null,
    from: {
      provider: string;
      account: string | undefined;
      model: string;
      keepsItself: boolean;
      /** Of the request that asks. */
      requestId?: string;
    },
  ): AnswerWatch | null;
  find(id: string, tenant: string | null): Promise<KeptAnswer | null>;
  /** The answer came to its end, and is accounted. */
  close(id: string, tenant: string | null): Promise<void>;
  remove(id: string): Promise<void>;
}

const kind = "answer";
/** As long as OpenAI keeps them. */
const keptMs = 30 * 86_400_000;

export function createConversations(items: Items): Conversations {
  const find = async (id: string, tenant: string | null): Promise<KeptAnswer | null> => {
    const [item] = await items.get(kind, [id]);
    // Another key's answer is as good as none.
    return item && item.owner === tenant ? readKept(item.value) : null;
  };

  const keep = (id: string, tenant: string | null, kept: KeptAnswer): void => {
    const atMs = now();
    const item = { key: id, owner: tenant, value: JSON.stringify(kept), atMs };
    background(items.put(kind, [{ ...item, expiresMs: atMs + keptMs }]), "keeping an answer");
  };

  return {
    find,
    async close(id, tenant) {
      const kept = await find(id, tenant);
      if (kept?.isOpen) keep(id, tenant, { ...kept, isOpen: false });
    },
    remove: async (id) => void (await items.remove(kind, id)),
    async resume(inbound, tenant, again) {
      // Whatever is done with it: what an answer holds can be read out of what is made of it.
      const { state } = inbound.dialect;
      if (!state || inbound.bodyDialect !== inbound.dialect) return inbound;
      const conversation =
        inbound.member("conversation") === undefined
          ? undefined
          : state.conversationOf(inbound.body().json);
      // Whose it is has been asked already, or will be.
      if (conversation !== undefined)
        return { ...inbound, goesOn: { id: conversation, provider: null } };
      const id = state.previousId(inbound.member);
      if (id === undefined) return inbound;
      const kept = await find(id, tenant);
      // What none of this key's answers is may be another's: the provider would not know the difference.
      if (!kept && tenant !== null) return state.unknown(id);
      if (!kept?.whole) {
        const { provider = null, account } = kept ?? {};
        return { ...inbound, goesOn: { id, provider, ...(account !== undefined && { account }) } };
      }
      const { input, answer } = kept.whole;
      const whole = again(state.goOn(inbound.bytes, [...input, ...state.outputOf(answer)]));
      return { ...whole, resumedFrom: id };
    },
    watch(inbound, tenant, { provider, account, model, keepsItself: isTheirs, requestId }) {
      let keepsItself = isTheirs;
      const state = stateOf(inbound);
      if (!state?.wantsKept(inbound.member)) return null;
      const place = { provider, model, ...(account !== undefined && { account }) };
      const answer = (value: JsonObject): void => {
        const id = state.idOf(value);
        if (id === undefined) return;
        const whole = { input: state.inputOf(inbound.body().json), answer: value };
        keep(
          id,
          tenant,
          keepsItself
            ? {
                ...place,
                ...(requestId !== undefined && { requestId }),
                isOpen: state.isOpen(value),
              }
            : { ...place, whole },
        );
      };
      let isKnown = false;
      return {
        answer,
        goneOnWith() {
          keepsItself = false;
        },
        frame(frame) {
          // A provider that keeps it can be asked for it, or told to stop, before it is done.
          if (keepsItself && !isKnown) {
            const id = state.idIn(frame);
            isKnown = id !== undefined;
            if (id !== undefined) keep(id, tenant, place);
          } else if (!keepsItself) {
            const found = state.answerIn(frame);
            if (found) answer(found);
          }
        },
      };
    },
  };
}

const stateOf = ({ bodyDialect, dialect, operation }: Inbound): StateCodec | undefined =>
  operation === "chat" && bodyDialect === dialect ? dialect.state : undefined;

/** What this gateway wrote itself; anything else is nothing. */
function readKept(value: string): KeptAnswer | null {
  const kept = parseObject(value);
  const { provider, account, model, isOpen, requestId, whole } = kept;
  if (typeof provider !== "string") return null;
  const place = {
    provider,
    ...(typeof account === "string" && { account }),
    ...(typeof model === "string" && { model }),
    ...(isOpen === true && { isOpen }),
    ...(typeof requestId === "string" && { requestId }),
  };
  if (!isObject(whole) || !isObject(whole["answer"]) || !Array.isArray(whole["input"])) {
    return place;
  }
  return {
    ...place,
    whole: { input: whole["input"].filter(isObject), answer: whole["answer"] },
  };
}
