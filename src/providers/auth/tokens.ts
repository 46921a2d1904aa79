// Tokens that are fetched: kept while they hold, renewed before they end, never fetched twice at once.
import { GatewayError } from "../../ir/error.ts";
import { background } from "../../lib/background.ts";
import { now } from "../../lib/clock.ts";
import { AbortReason } from "../../lib/deadline.ts";

export interface Token<T> {
  readonly value: T;
  /** Milliseconds since the epoch; null: no end is known. */
  readonly expiresAtMs: number | null;
}

/**
 * The token of `owner`, fetched when there is none that holds. `owner` is an object of the configuration
 * (`credentials.settings`, a key), so that a reload begins anew and an old configuration's tokens are let go.
 */
export type TokenCache<T> = (owner: object, fetchToken: () => Promise<Token<T>>) => Promise<T>;

/** So long a failure is given to everybody, so that a crowd of requests asks once. */
const failureMs = 1_000;
/** A token is renewed, without anybody waiting, in the last fifth of its life, at most so long before its end. */
const renewalMs = 5 * 60_000;
/** What ends within this time may end on the way. */
const marginMs = 10_000;

interface Entry<T> {
  token?: Token<T>;
  obtainedAtMs: number;
  flight?: Promise<Token<T>>;
  failure?: { error: unknown; untilMs: number };
}

/** @param name of the token, for the log when renewing it in the background fails. */
export function createTokenCache<T>(name: string): TokenCache<T> {
  const entries = new WeakMap<object, Entry<T>>();

  return async (owner, fetchToken) => {
    let entry = entries.get(owner);
    if (!entry) entries.set(owner, (entry = { obtainedAtMs: 0 }));
    const { token } = entry;
    if (!token || isOver(token, entry)) return (await wait(entry, fetchToken)).value;
    if (isDue(token, entry)) background(start(entry, fetchToken), `renew ${name}`);
    return token.value;
  };
}

async function wait<T>(entry: Entry<T>, fetchToken: () => Promise<Token<T>>): Promise<Token<T>> {
  while (entry.flight) {
    try {
      return await entry.flight;
    } catch (error) {
      // Somebody else's request was given up and its exchange with it: that says nothing about this one.
      if (!isGivenUp(error)) throw error;
    }
  }
  if (entry.failure && now() < entry.failure.untilMs) throw entry.failure.error;
  return start(entry, fetchToken);
}

function start<T>(entry: Entry<T>, fetchToken: () => Promise<Token<T>>): Promise<Token<T>> {
  const fly = async (): Promise<Token<T>> => {
    try {
      const token = await fetchToken();
      entry.token = token;
      entry.obtainedAtMs = now();
      delete entry.failure;
      return token;
    } catch (error) {
      if (!isGivenUp(error)) entry.failure = { error, untilMs: now() + failureMs };
      throw error;
    } finally {
      delete entry.flight;
    }
  };
  // Set before anything in it runs to its end: a fetch that fails at once must still find its flight to delete.
  const flight = Promise.resolve().then(fly);
  entry.flight = flight;
  return flight;
}

const isGivenUp = (error: unknown): boolean =>
  error instanceof AbortReason || (error instanceof GatewayError && error.code === "client_closed");

const lifeOf = ({ expiresAtMs }: Token<unknown>, { obtainedAtMs }: Entry<unknown>): number =>
  expiresAtMs === null ? Infinity : Math.max(0, expiresAtMs - obtainedAtMs);

const isOver = (token: Token<unknown>, entry: Entry<unknown>): boolean =>
  token.expiresAtMs !== null &&
  now() >= token.expiresAtMs - Math.min(marginMs, lifeOf(token, entry) / 10);

function isDue(token: Token<unknown>, entry: Entry<unknown>): boolean {
  if (token.expiresAtMs === null || entry.flight) return false;
  if (entry.failure && now() < entry.failure.untilMs) return false;
  return now() >= token.expiresAtMs - Math.min(renewalMs, lifeOf(token, entry) / 5);
}
