// Reads the usage out of an answer that passes by as it is: JSON, or a stream of events.
import type { Dialect } from "../dialects/dialect.ts";
import type { Operation } from "../ir/chat.ts";
import { sumUsage, type Usage } from "../ir/usage.ts";
import { FramingError, type Splitter } from "../lib/framing.ts";
import { isObject, JsonError, parse } from "../lib/json.ts";
import { createSseSplitter, parseSseBlock } from "../lib/sse.ts";
import { imageOperations } from "./image-order.ts";

export interface UsageTap {
  push(chunk: Uint8Array): void;
  /** What was used as far as the answer told; the last word counts. */
  usage(): Usage | undefined;
  /** Pictures in the answer; undefined where it does not tell. */
  made(): number | undefined;
  /** The whole answer, where it was JSON of a moderate size. */
  json(): Record<string, unknown> | undefined;
}

/** Larger answers are media, or not worth the memory. */
const maxJsonBytes = 16 * 1024 * 1024;
const maxTailBytes = 64 * 1024;

/** `dialects`: whose usage it may be, likeliest first. */
export function createUsageTap(
  contentType: string,
  dialects: readonly Dialect[],
  operation: Operation,
): UsageTap {
  const usageIn = (value: unknown): Usage | undefined => {
    if (!isObject(value)) return undefined;
    for (const dialect of dialects) {
      // Events of some wires hold the answer, or what it used, one level down.
      for (const holder of [value, value["response"], value["message"]]) {
        const found = isObject(holder) ? dialect.usage(operation, holder) : undefined;
        const { total = 0, seconds = 0 } = found?.input ?? {};
        if (found && total + found.output.total + seconds > 0) return found;
      }
    }
    return undefined;
  };
  if (/event-stream/i.test(contentType)) {
    return createStreamTap(usageIn, imageOperations.has(operation));
  }
  return createJsonTap(/json/i.test(contentType), usageIn);
}

type UsageIn = (value: unknown) => Usage | undefined;

function createJsonTap(isJson: boolean, usageIn: UsageIn): UsageTap {
  const pieces: Uint8Array[] = [];
  /** The end of an answer that is too large. */
  let tail: Buffer = Buffer.alloc(0);
  let size = 0;
  let whole: Record<string, unknown> | undefined;
  const json = (): Record<string, unknown> | undefined => {
    if (!isJson || size > maxJsonBytes) return undefined;
    const value = parsed(Buffer.concat(pieces).toString("utf8"));
    whole ??= isObject(value) ? value : undefined;
    return whole;
  };
  return {
    push(chunk) {
      size += chunk.length;
      if (!isJson) return;
      if (size <= maxJsonBytes) {
        pieces.push(Uint8Array.from(chunk));
        return;
      }
      tail = Buffer.concat([tail, ...pieces.splice(0), chunk]);
      tail = Buffer.from(tail.subarray(Math.max(0, tail.length - maxTailBytes)));
    },
    json,
    made() {
      const data = json()?.["data"];
      return Array.isArray(data) ? data.length : undefined;
    },
    usage: () => usageIn(size > maxJsonBytes ? atEnd(tail) : json()),
  };
}

/** Pictures in base64 are larger than what is held, and what they used stands behind them. In a text its quotation marks would be escaped. */
function atEnd(tail: Buffer): unknown {
  const text = tail.toString("utf8");
  const at = text.lastIndexOf('"usage"');
  return at < 0 ? undefined : parsed(`{${text.slice(at)}`);
}

/** `addsUp`: each picture of a stream tells what it used itself. */
function createStreamTap(usageIn: UsageIn, addsUp: boolean): UsageTap {
  let splitter: Splitter | null = createSseSplitter();
  let last: Usage | undefined;
  let finished = 0;
  const read = (blocks: readonly Uint8Array[]): void => {
    for (const block of blocks) {
      const data = parseSseBlock(block)?.data;
      if (!data?.includes('"usage')) continue;
      const told = usageIn(parsed(data));
      if (told) finished += 1;
      last = told && last && addsUp ? sumUsage(last, told) : (told ?? last);
    }
  };
  return {
    push(chunk) {
      try {
        read(splitter?.push(chunk) ?? []);
      } catch (error) {
        if (!(error instanceof FramingError)) throw error;
        splitter = null;
      }
    },
    json: () => undefined,
    made: () => (addsUp && finished > 0 ? finished : undefined),
    usage() {
      const rest = splitter?.end();
      splitter = null;
      if (rest) read([rest]);
      return last;
    },
  };
}

function parsed(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
