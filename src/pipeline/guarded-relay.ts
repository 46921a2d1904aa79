// How an answer that is relayed unread is looked at: as a whole, message by message, or not at all.
import type { EgressResponse } from "../egress.ts";
import { eventstream } from "../lib/eventstream.ts";
import type { Framing } from "../lib/framing.ts";
import { ndjson } from "../lib/ndjson.ts";
import { sse } from "../lib/sse.ts";
import type { Exchange } from "./exchange.ts";
import { createShield, type Shield } from "./shield.ts";

type Headed = Pick<EgressResponse, "headers" | "body">;

/** What is said nowhere may be text. */
const typeOf = ({ headers }: Headed): string => headers.get("content-type")?.toLowerCase() ?? "";

/** `stream`: of messages. Null: sound, pictures and the like, in which there is no text to be found. */
export function guardedForm(answer: Headed): "whole" | "stream" | null {
  if (answer.body === null) return null;
  if (framingOf(answer)) return "stream";
  return /^(?:audio|image|video|font)\//.test(typeOf(answer)) ? null : "whole";
}

/** Null where there is nothing to be looked at on its way. */
export function shieldOf(answer: Headed, { guard }: Exchange): Shield | null {
  const framing = guard?.output ? framingOf(answer) : null;
  return framing && createShield({ guard: guard?.output ?? null, client: { framing } });
}

function framingOf(answer: Headed): Framing | null {
  const type = typeOf(answer);
  if (type.startsWith("text/event-stream")) return sse;
  // The other names for lines of JSON are those of files, in which each line stands for itself.
  if (/^application\/(?:x-)?ndjson\b/.test(type)) return ndjson;
  return type.startsWith("application/vnd.amazon.eventstream") ? eventstream : null;
}
