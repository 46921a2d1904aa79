// A token server that is a function: what was asked is kept, what is answered is given.
import { GatewayError } from "../../../../src/ir/error.ts";
import { Secret } from "../../../../src/lib/secret.ts";
import type { Credentials, TokenRequest, Unsigned } from "../../../../src/providers/provider.ts";

type Answer = { status?: number; json?: unknown; text?: string } | undefined;

export interface Double {
  asked: TokenRequest[];
  credentials: Credentials;
}

export interface DoubleOptions {
  apiKey?: string;
  settings?: Record<string, string>;
  secrets?: Record<string, string>;
  env?: Record<string, string>;
}

/** `answer` gives undefined for servers that are not there. */
export function double(
  answer: (request: TokenRequest) => Answer | Promise<Answer>,
  { apiKey, settings = {}, secrets = {}, env = {} }: DoubleOptions = {},
): Double {
  const asked: TokenRequest[] = [];
  return {
    asked,
    credentials: {
      ...(apiKey !== undefined && { apiKey: new Secret(apiKey) }),
      // A configuration of its own: tokens are kept for each.
      settings: { ...settings },
      secrets: Object.fromEntries(
        Object.entries(secrets).map(([name, text]) => [name, new Secret(text)]),
      ),
      // A home that is nowhere: the machine's own files are no part of a test.
      env: { HOME: "/nowhere-megallm", ...env },
      fetch: async (request) => {
        asked.push(request);
        const given = await answer(request);
        if (given === undefined) {
          throw new GatewayError("upstream_unavailable", "The connection was refused.");
        }
        const text = given.text ?? JSON.stringify(given.json ?? {});
        return { status: given.status ?? 200, headers: new Headers(), text };
      },
    },
  };
}

export const nobody = (): undefined => undefined;

/** A request as it stands before it is signed. */
export const unsigned = (
  url: string,
  body = "{}",
  headers: Record<string, string> = {},
): Unsigned => ({
  method: "POST",
  url: new URL(url),
  headers: new Headers({ "content-type": "application/json", ...headers }),
  body,
});

/** The error that a promise ends with. */
export async function failureOf(promise: void | Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
