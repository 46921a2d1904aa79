// A streamed answer folded into a whole one, and a whole one unfolded into a stream.
import type { Candidate, ChatResponse, Ext, Part } from "./chat.ts";
import type { ChatEvent, Delta } from "./event.ts";
import type { GatewayError } from "./error.ts";
import type { Usage } from "./usage.ts";

/** Gathers a stream's events while they pass by. */
export interface Collector {
  push(event: ChatEvent): void;
  /** The answer so far, also of a broken stream. Candidates without a `finish` end with `other`. */
  response(): ChatResponse;
  /** The first `error` event, if one came. */
  error(): GatewayError | undefined;
}

interface Draft {
  parts: Map<number, Part>;
  finish?: Candidate["finish"];
  ext?: Ext;
}

export function createCollector(): Collector {
  let head: Extract<ChatEvent, { type: "start" }> | undefined;
  let usage: Usage | undefined;
  let failure: GatewayError | undefined;
  const drafts = new Map<number, Draft>();
  const draftOf = (candidate: number): Draft => {
    const known = drafts.get(candidate);
    if (known) return known;
    const draft: Draft = { parts: new Map() };
    drafts.set(candidate, draft);
    return draft;
  };
  return {
    push(event) {
      switch (event.type) {
        case "start":
          head ??= event;
          return;
        case "part-start":
          draftOf(event.candidate).parts.set(event.index, copyPart(event.part));
          return;
        case "part-delta": {
          const part = draftOf(event.candidate).parts.get(event.index);
          if (part) applyDelta(part, event.delta);
          return;
        }
        case "usage":
          usage = event.usage;
          return;
        case "finish": {
          const draft = draftOf(event.candidate);
          draft.finish = event.finish;
          if (event.ext) draft.ext = event.ext;
          return;
        }
        case "error":
          failure ??= event.error;
          return;
        case "part-end":
        case "end":
        case "ping":
        case "opaque":
          return;
        default:
          event satisfies never;
      }
    },
    response() {
      const candidates = [...drafts]
        .toSorted(([left], [right]) => left - right)
        .map(([, draft]) => finishDraft(draft));
      return {
        id: head?.id ?? "",
        model: head?.model ?? "",
        ...(head?.createdMs === undefined ? {} : { createdMs: head.createdMs }),
        candidates,
        ...(usage ? { usage } : {}),
        ...(head?.ext ? { ext: head.ext } : {}),
      };
    },
    error: () => failure,
  };
}

function finishDraft({ parts, finish, ext }: Draft): Candidate {
  return {
    parts: [...parts.values()],
    finish: finish ?? { reason: "other" },
    ...(ext ? { ext } : {}),
  };
}

/**
 * The whole answer that a stream amounts to. Wire events that are no part of the answer (`ping`, `opaque`) leave no trace.
 * @throws GatewayError the stream's own `error` event.
 * @example collect(expand(response)) // equals response
 */
export function collect(events: Iterable<ChatEvent>): ChatResponse {
  const collector = createCollector();
  for (const event of events) collector.push(event);
  const failure = collector.error();
  if (failure) throw failure;
  return collector.response();
}

/** The events of a stream that would have given this answer: every part in turn, then `usage`, `finish`, `end`. */
export function expand(response: ChatResponse): ChatEvent[] {
  const events: ChatEvent[] = [
    {
      type: "start",
      id: response.id,
      model: response.model,
      ...(response.createdMs === undefined ? {} : { createdMs: response.createdMs }),
      ...(response.ext ? { ext: response.ext } : {}),
    },
  ];
  for (const [candidate, { parts }] of response.candidates.entries()) {
    for (const [index, part] of parts.entries()) {
      const { opening, deltas } = unfold(part);
      events.push({ type: "part-start", candidate, index, part: opening });
      for (const delta of deltas) events.push({ type: "part-delta", candidate, index, delta });
      events.push({ type: "part-end", candidate, index });
    }
  }
  if (response.usage) events.push({ type: "usage", usage: response.usage });
  for (const [candidate, { finish, ext }] of response.candidates.entries()) {
    events.push({ type: "finish", candidate, finish, ...(ext ? { ext } : {}) });
  }
  events.push({ type: "end" });
  return events;
}

/**
 * `addition` on top of `base`: arrays are joined, objects merged, anything else replaced.
 * Neither argument is changed; `__proto__` is left out.
 */
export function mergeJson(base: unknown, addition: unknown): unknown {
  if (Array.isArray(base) && Array.isArray(addition)) return [...base, ...(addition as unknown[])];
  if (!isPlain(base) || !isPlain(addition)) return addition;
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(addition)) {
    if (key === "__proto__") continue;
    merged.set(key, merged.has(key) ? mergeJson(merged.get(key), value) : value);
  }
  return Object.fromEntries(merged);
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function copyPart(part: Part): Part {
  if (part.type !== "text" || !part.citations) return { ...part };
  return { ...part, citations: [...part.citations] };
}

/** Adds a delta to the part it belongs to; a delta of another kind than the part changes nothing. */
function applyDelta(part: Part, delta: Delta): void {
  switch (delta.type) {
    case "text":
      if (part.type === "text") part.text += delta.text;
      return;
    case "reasoning":
      if (part.type === "reasoning") part.text += delta.text;
      return;
    case "signature":
      if (part.type === "reasoning") part.signature = (part.signature ?? "") + delta.signature;
      return;
    case "args":
      if (part.type === "tool-call") part.args += delta.args;
      return;
    case "refusal":
      if (part.type === "refusal") part.text += delta.text;
      return;
    case "citation":
      if (part.type === "text") {
        (part.citations ??= []).push({ origin: delta.origin, raw: delta.raw });
      }
      return;
    case "ext":
      part.ext = mergeJson(part.ext ?? {}, delta.ext) as Ext;
      return;
    default:
      delta satisfies never;
  }
}

/** What a part starts as, and what then arrives bit by bit. */
function unfold(part: Part): { opening: Part; deltas: Delta[] } {
  switch (part.type) {
    case "text": {
      const { citations, ...bare } = part;
      const deltas: Delta[] = part.text === "" ? [] : [{ type: "text", text: part.text }];
      for (const { origin, raw } of citations ?? []) deltas.push({ type: "citation", origin, raw });
      return { opening: { ...bare, text: "" }, deltas };
    }
    case "reasoning": {
      const { signature, ...bare } = part;
      const deltas: Delta[] = part.text === "" ? [] : [{ type: "reasoning", text: part.text }];
      if (signature !== undefined) deltas.push({ type: "signature", signature });
      return { opening: { ...bare, text: "" }, deltas };
    }
    case "tool-call":
      return {
        opening: { ...part, args: "" },
        deltas: part.args === "" ? [] : [{ type: "args", args: part.args }],
      };
    case "refusal":
      return {
        opening: { ...part, text: "" },
        deltas: part.text === "" ? [] : [{ type: "refusal", text: part.text }],
      };
    case "image":
    case "audio":
    case "file":
    case "tool-result":
    case "opaque":
      return { opening: { ...part }, deltas: [] };
    default:
      return part satisfies never;
  }
}
