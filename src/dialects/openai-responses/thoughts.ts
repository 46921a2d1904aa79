// Reasoning of earlier turns as the items that OpenAI takes back.
// https://platform.openai.com/docs/guides/reasoning#keeping-reasoning-items-in-context
import type { ReasoningPart } from "../../ir/chat.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { Target } from "../dialect.ts";
import type { Losses } from "../losses.ts";
import { frameOf, type ItemFrame, matches, ownExt } from "./wire.ts";

export interface ThoughtScope {
  target: Target;
  losses: Losses;
  isNative: boolean;
}

/** Gathers parts in a row; those of one item become one again. */
export interface Thoughts {
  /** Items that `part` completes. */
  add(part: ReasoningPart, path: string): JsonObject[];
  /** The item that is still open. */
  end(): JsonObject[];
}

interface Draft {
  frame: ItemFrame;
  summary: string[];
  content: string[];
  encrypted: string | undefined;
  extra: JsonObject;
  path: string;
}

export function createThoughts({ target, losses, isNative }: ThoughtScope): Thoughts {
  let draft: Draft | undefined;

  const end = (): JsonObject[] => {
    const ended = draft;
    draft = undefined;
    if (!ended) return [];
    const { frame, summary, content, encrypted, extra, path } = ended;
    // A server that keeps nothing knows an item only by what is in it.
    if (!isNative && encrypted === undefined && content.length === 0) {
      losses.lose(path, "reasoning without its encrypted content cannot be sent back");
      return [];
    }
    return [
      {
        type: "reasoning",
        ...(frame.id === undefined ? {} : { id: frame.id }),
        summary: summary.map((text) => ({ type: "summary_text", text })),
        ...(content.length === 0
          ? {}
          : { content: content.map((text) => ({ type: "reasoning_text", text })) }),
        ...(encrypted === undefined ? {} : { encrypted_content: encrypted }),
        ...(frame.status === undefined ? {} : { status: frame.status }),
        ...extra,
      },
    ];
  };

  return {
    add(part, path) {
      if (!matches(part.origin, target)) {
        losses.lose(path, "reasoning that another provider or model made cannot be sent back");
        return [];
      }
      const frame = frameOf(part.ext);
      const isOther =
        draft !== undefined &&
        (draft.encrypted !== undefined ||
          (frame.id !== undefined && draft.frame.id !== undefined && frame.id !== draft.frame.id));
      const done = isOther ? end() : [];
      draft ??= { frame: {}, summary: [], content: [], encrypted: undefined, extra: {}, path };
      if (part.text !== "") (frame.isContent ? draft.content : draft.summary).push(part.text);
      draft.encrypted ??= part.encrypted;
      draft.frame = { ...draft.frame, ...frame };
      draft.extra = { ...draft.extra, ...ownExt(part.ext) };
      return frame.end ? [...done, ...end()] : done;
    },
    end,
  };
}
