// The texts that a stream spells out piece by piece: which piece belongs to which, and what of them may be shown.
import type { Guardrail, Matcher } from "./guardrail.ts";
import { replacementOf } from "./guardrail.ts";
import type { Mask } from "./text-check.ts";

/** One text as it grows, under the eyes of all guardrails that match. */
export interface Channel {
  /** Everything before this place has been decided. */
  readonly settled: number;
  readonly length: number;
  /** Adds a piece; what of it is found is told of. */
  push(text: string): void;
  end(): void;
  /** What a piece between these places is shown as. */
  shown(text: string, from: number): string;
}

export function createChannel(
  guardrails: readonly Guardrail[],
  found: (guardrail: Guardrail, kind: string) => void,
): Channel {
  const watchers: { guardrail: Guardrail; matcher: Matcher; isTold: boolean }[] = [];
  for (const guardrail of guardrails) {
    if (guardrail.check.by !== "match") continue;
    for (const matcher of guardrail.check.matchers()) {
      watchers.push({ guardrail, matcher, isTold: false });
    }
  }
  const masks: RankedMask[] = [];
  let length = 0;
  let isOver = false;

  const look = (): void => {
    for (const [rank, watcher] of watchers.entries()) {
      const { guardrail, matcher } = watcher;
      const { matched } = matcher;
      // Nothing more needs to come of a match that blocks.
      if (matched !== null && guardrail.settings.action === "block" && !watcher.isTold) {
        watcher.isTold = true;
        found(guardrail, matched);
      }
      for (const match of matcher.take()) {
        if (!watcher.isTold) found(guardrail, match.kind);
        if (guardrail.settings.action !== "mask") continue;
        masks.push({ ...match, rank, text: replacementOf(guardrail, match.kind) });
      }
    }
  };

  return {
    get settled() {
      // What is only logged holds nothing up.
      return watchers.reduce(
        (least, { guardrail, matcher }) =>
          guardrail.settings.action === "log" ? least : Math.min(least, matcher.settled),
        length,
      );
    },
    get length() {
      return length;
    },
    push(text) {
      if (isOver) return;
      length += text.length;
      for (const { matcher } of watchers) matcher.push(text);
      look();
    },
    end() {
      if (isOver) return;
      isOver = true;
      for (const { matcher } of watchers) matcher.end();
      look();
    },
    shown(text, from) {
      const to = from + text.length;
      const edits = disjoint(masks.filter(({ start, end }) => start < to && end > from));
      let out = "";
      let at = from;
      for (const { start, end, text: mask } of edits) {
        out += text.slice(at - from, Math.max(start, at) - from);
        // A mask stands where its match began; what follows of it in later pieces is nothing.
        if (start >= from) out += mask;
        at = Math.max(at, Math.min(end, to));
      }
      return out + text.slice(at - from);
    },
  };
}

/** Where two begin at one place, the first of the guardrails has the word. */
interface RankedMask extends Mask {
  rank: number;
}

/** Of masks that overlap, the first stands for all, as far as any of them reaches. */
function disjoint(masks: readonly RankedMask[]): Mask[] {
  const out: Mask[] = [];
  const inOrder = masks.toSorted((one, other) => one.start - other.start || one.rank - other.rank);
  for (const mask of inOrder) {
    const last = out.at(-1);
    if (last && mask.start < last.end) {
      out[out.length - 1] = { ...last, end: Math.max(last.end, mask.end) };
    } else {
      out.push(mask);
    }
  }
  return out;
}
