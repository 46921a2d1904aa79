// A streamed answer as block-structured events, whatever the wire.
import type { DialectId, Ext, Finish, Part } from "./chat.ts";
import type { GatewayError } from "./error.ts";
import type { Usage } from "./usage.ts";

/** What a `part-delta` adds to the part that is open at `index`. */
export type Delta =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "signature"; signature: string }
  | { type: "args"; args: string }
  | { type: "refusal"; text: string }
  | { type: "citation"; origin: DialectId; raw: unknown }
  | { type: "ext"; ext: Ext };

/**
 * Order per candidate: `part-start`, `part-delta`*, `part-end` for each part in turn (parallel tool
 * calls of some wires interleave: several parts may be open), then `finish`. `start` comes first,
 * `end` last and only when the wire's own terminal marker was seen. `usage` is cumulative: the last wins.
 * `candidate` is 0 unless the client asked for several answers.
 */
export type ChatEvent =
  | { type: "start"; id: string; model: string; createdMs?: number; ext?: Ext }
  | { type: "part-start"; candidate: number; index: number; part: Part }
  | { type: "part-delta"; candidate: number; index: number; delta: Delta }
  | { type: "part-end"; candidate: number; index: number }
  | { type: "usage"; usage: Usage }
  | { type: "finish"; candidate: number; finish: Finish; ext?: Ext }
  | { type: "end" }
  | { type: "ping" }
  | { type: "error"; error: GatewayError }
  | { type: "opaque"; origin: DialectId; raw: unknown };
