// How an API carries a dialect's messages over HTTP, where it does not as the dialect's own vendor does. Data only.
import type { DialectId } from "../ir/chat.ts";
import type { Framing } from "../lib/framing.ts";

/**
 * @example Anthropic's Messages on Bedrock: the model is in the path, the version and the betas in the body,
 * and the stream is AWS's binary messages with Anthropic's events inside.
 */
export interface Envelope {
  readonly id: string;
  /** Body members of the dialect that this API does not have: the path says them. */
  readonly omits: readonly string[];
  /**
   * Members, as paths with `*` for every item of a list, that belong to betas which this API does not have: it refuses
   * them, so they are left out with a warning.
   */
  readonly refuses?: readonly {
    readonly path: readonly string[];
    /** Refused with this value alone. */
    readonly value?: string;
  }[];
  /** Body members under another name here, e.g. `{ model: "model_id" }`. */
  readonly renames?: Readonly<Record<string, string>>;
  /** Body members that this API demands, with their values; `{name}` alone stands for the provider's setting of that name. */
  readonly adds?: Readonly<Record<string, string | number | boolean>>;
  /** Request headers of the dialect that are lists in the body here: `{ "anthropic-beta": "anthropic_beta" }`. */
  readonly headerMembers?: Readonly<Record<string, string>>;
  /** The dialect whose errors this API gives. Absent: the same. */
  readonly errors?: DialectId;
  /** Of these headers of the dialect, which are lists, the only values that this API takes: it refuses requests with others. */
  readonly headerValues?: Readonly<Record<string, readonly string[]>>;
  /** A body without one of these members is in another vendor's form, which this API takes too. */
  readonly demands?: readonly string[];
  /** Absent: the dialect's own. */
  readonly framing?: Framing;
}
