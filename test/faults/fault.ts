// A fault of an upstream and the answer that is stated for it.
import type { ErrorCode } from "../../src/ir/error.ts";
import type { Script } from "../support/scripted-upstream.ts";
import type { PlaceName } from "./places.ts";
import type { WireName } from "./wires.ts";

/** What is held against the deployment after one request. */
export type Held =
  /** One failure in its window: it rests when there are more. */
  | "a failure"
  /** It rests at once, for so many seconds. */
  | { restsFor: readonly [least: number, most: number] }
  /** Its key rests. */
  | "the key"
  | "nothing";

export interface Fault {
  /** In the catalogue. */
  item: string;
  name: string;
  script: (stream: boolean) => Script;
  /** Where the deployment is, instead of at the scripted upstream. */
  place?: PlaceName;
  /** What a client without a fallback is told. */
  status: number;
  code: ErrorCode;
  /** Another deployment answers instead. */
  fallback: boolean;
  held: Held;
  /** For streams only. */
  streamOnly?: boolean;
  /** After the first words were shown: the answer has status 200 and ends with an error. */
  late?: boolean;
  /** Only of these upstream wires. */
  wires?: readonly WireName[];
  /** Seconds that the client is told to wait. */
  retryAfter?: readonly [least: number, most: number];
}

export type Stated = Pick<Fault, "status" | "code" | "fallback" | "held">;

export const unavailable: Stated = {
  status: 502,
  code: "upstream_unavailable",
  fallback: true,
  held: "a failure",
};
export const invalid: Stated = { ...unavailable, code: "upstream_invalid" };
export const timeout: Stated = { ...unavailable, status: 504, code: "upstream_timeout" };
export const auth: Stated = { ...unavailable, code: "upstream_auth", held: "the key" };
export const limited = (least: number, most: number): Stated => ({
  status: 429,
  code: "upstream_rate_limited",
  fallback: true,
  held: { restsFor: [least, most] },
});
export const callers = (status: number): Stated => ({
  status,
  code: "upstream_rejected",
  fallback: false,
  held: "nothing",
});

export const fault = (
  item: string,
  name: string,
  script: Fault["script"],
  stated: Stated,
): Fault => ({
  item,
  name,
  script,
  ...stated,
});
