// Holds a stream back as far as it must be, so that nothing which a guardrail blocks or masks is ever shown.
import type { ChatEvent } from "../ir/event.ts";
import type { Frame } from "../lib/frame.ts";
import type { Framing } from "../lib/framing.ts";
import type { JsonScalar } from "../lib/json-scalars.ts";
import { blockedBy } from "./blocked.ts";
import type { Action, Direction, Finding, Guardrail, Measure } from "./guardrail.ts";
import type { Facts } from "./inspect.ts";
import { isNested, placeText } from "./place.ts";
import { channelOf, groupOf, isClosing, isRepeat } from "./stream-channel.ts";
import { blockOf, readMessage, withTexts } from "./stream-message.ts";
import { type Channel, createChannel } from "./stream-text.ts";
import { createBreath, createTextCheck, inSlices } from "./text-check.ts";

export interface StreamGuardOptions {
  guardrails: readonly Guardrail[];
  framing: Framing;
  facts: Facts;
  /** Told of everything that is found. */
  found(finding: Finding): void;
  /** Told of every message that is let through, as it is shown. */
  onFrame?: ((frame: Frame) => void) | undefined;
}

export interface StreamGuard {
  /** What may be shown now, after these bytes have come. @throws GatewayError `guardrail_blocked` */
  push(bytes: Uint8Array): Promise<Uint8Array>;
  /** What the bytes mean, where somebody has read them. */
  see(event: ChatEvent): void;
  /** The rest, when all has come. @throws GatewayError `guardrail_blocked` */
  finish(): Promise<Uint8Array>;
  /** The last message that was let through. */
  last(): Frame | undefined;
}

/** A piece of a text in a message that waits. */
interface Leaf {
  scalar: JsonScalar;
  channel: Spelt;
  from: number;
}

interface Spelt {
  /** The block or item that it is of. */
  group: string;
  channel: Channel;
  /** All of it, where it can be judged as a whole only. */
  whole: string | null;
  isWholeDecided: boolean;
  /** Nothing of it is shown before that. */
  isHeld: boolean;
  /** What it is shown as in place of {@link whole}; null: as it came. */
  edited: string | null;
  place: string;
}

interface Held {
  block: Uint8Array;
  frame: Frame | null;
  leaves: Leaf[];
  /** What stands in the place of texts that stand for themselves. */
  edits: Map<JsonScalar, string>;
}

export function createStreamGuard(options: StreamGuardOptions): StreamGuard {
  const { guardrails, framing, facts, found, onFrame } = options;
  const splitter = framing.createSplitter();
  const texts = createTextCheck(guardrails);
  const breathe = createBreath();
  const spelt = new Map<string, Spelt>();
  const measures: { guardrail: Guardrail; measure: Measure; isTold: boolean }[] = [];
  const judges: Guardrail[] = [];
  const answerChecks: Guardrail[] = [];
  for (const guardrail of guardrails) {
    const { check } = guardrail;
    if (check.by === "measure") {
      measures.push({ guardrail, measure: check.create(), isTold: false });
    } else if (check.by === "judge") judges.push(guardrail);
    else if (check.by === "answer") answerChecks.push(guardrail);
  }
  /** Somebody does more than take notes. */
  const isActive = guardrails.some(({ settings }) => settings.action !== "log");
  /** Nothing is shown before all is there. */
  const holdsAll = [...judges, ...answerChecks].some(({ settings }) => settings.action !== "log");
  const answers = new Map<number, string>();
  let held: Held[] = [];
  let last: Frame | undefined;

  const tell = (
    guardrail: Guardrail,
    kind: string,
    { place, action = guardrail.settings.action }: { place: string; action?: Action },
  ): void => {
    const direction: Direction = facts.direction;
    const finding: Finding = { guardrail: guardrail.settings.name, kind, direction, place, action };
    found(finding);
    if (action === "block") throw blockedBy(finding, guardrails);
  };

  const channelFor = (name: string, scalar: JsonScalar, group: string): Spelt => {
    const known = spelt.get(name);
    if (known) return known;
    const place = placeText(scalar.path);
    const isWhole = judges.length > 0 || isNested(scalar.path);
    const made: Spelt = {
      group,
      isWholeDecided: false,
      isHeld: isNested(scalar.path) ? isActive : holdsAll,
      channel: createChannel(isNested(scalar.path) ? [] : guardrails, (guardrail, kind) =>
        tell(guardrail, kind, { place }),
      ),
      whole: isWhole ? "" : null,
      edited: null,
      place,
    };
    spelt.set(name, made);
    return made;
  };

  const measured = (text: string): void => {
    for (const entry of measures) {
      const kind = entry.isTold ? null : entry.measure.add(text);
      if (kind === null) continue;
      entry.isTold = true;
      const { guardrail } = entry;
      tell(guardrail, kind, { place: "answer" });
    }
  };

  const take = async (block: Uint8Array): Promise<void> => {
    const frame = framing.parse(block);
    const entry: Held = { block, frame, leaves: [], edits: new Map() };
    held.push(entry);
    const message = frame && readMessage(frame.data);
    if (!frame || !message) {
      // The end of some wires, or what is no event of any: read as plain text.
      if (frame) await lone(entry, { ...loneScalar, text: frame.data });
      return;
    }
    for (const scalar of message.scalars) {
      const name = channelOf(scalar, message.value, frame.event);
      if (name === null) {
        await lone(entry, scalar);
        continue;
      }
      if (scalar.text === "") continue;
      const channel = channelFor(name, scalar, groupOf(message.value));
      entry.leaves.push({ scalar, channel, from: channel.channel.length });
      if (!isRepeat(message.value, scalar.path)) measured(scalar.text);
      if (channel.whole !== null) channel.whole += scalar.text;
      await inSlices(scalar.text, (piece) => channel.channel.push(piece), breathe);
    }
    if (isClosing(message.value, frame.event)) await close(groupOf(message.value));
  };

  /** Nothing more comes of these. */
  const close = async (group: string): Promise<void> => {
    for (const [name, channel] of spelt) {
      if (channel.group !== group) continue;
      channel.channel.end();
      if (judges.length > 0) continue;
      await decideWhole(channel);
      spelt.delete(name);
    }
  };

  /** A text that is looked at when all of it is there. */
  const decideWhole = async (channel: Spelt): Promise<void> => {
    if (channel.whole === null || channel.isWholeDecided) return;
    channel.isWholeDecided = true;
    const result = await texts.check(channel.whole);
    for (const { guardrail, kind } of result.findings) {
      tell(guardrail, kind, { place: channel.place });
    }
    if (result.text !== channel.whole) channel.edited = result.text;
  };

  /** A text that stands for itself. */
  const lone = async (entry: Held, scalar: JsonScalar): Promise<void> => {
    const result = await texts.check(scalar.text);
    const place = placeText(scalar.path, scalar.type === "key");
    for (const { guardrail, kind } of result.findings) {
      tell(guardrail, kind, { place });
    }
    if (result.text !== scalar.text) entry.edits.set(scalar, result.text);
  };

  const isReady = ({ leaves }: Held): boolean =>
    leaves.every(
      ({ channel: { channel, isHeld, isWholeDecided }, scalar, from }) =>
        (!isHeld || isWholeDecided) && channel.settled >= from + scalar.text.length,
    );

  const show = ({ block, frame, leaves, edits }: Held): Uint8Array => {
    const changed = new Map(edits);
    for (const { channel, scalar, from } of leaves) {
      const shown =
        channel.edited === null
          ? channel.channel.shown(scalar.text, from)
          : from === 0
            ? channel.edited
            : "";
      if (shown !== scalar.text) changed.set(scalar, shown);
    }
    if (!frame) return block;
    if (changed.size === 0) {
      last = frame;
      onFrame?.(frame);
      return block;
    }
    const edited = { ...frame, data: withTexts(frame.data, changed) };
    last = edited;
    onFrame?.(edited);
    return blockOf(block, frame, edited, framing);
  };

  const release = (): Uint8Array => {
    let count = 0;
    if (!holdsAll) {
      while (count < held.length) {
        const next = held[count];
        if (!next || !isReady(next)) break;
        count += 1;
      }
    }
    const shown = held.slice(0, count).map(show);
    held = held.slice(count);
    return joined(shown);
  };

  /** What is only there to be judged as a whole. */
  const judgeWhole = async (): Promise<void> => {
    for (const [candidate, text] of answers) {
      for (const guardrail of answerChecks) {
        const kind = guardrail.check.by === "answer" ? guardrail.check.fault(text) : null;
        if (kind !== null) tell(guardrail, kind, { place: `candidates[${candidate}]` });
      }
    }
    for (const channel of spelt.values()) await decideWhole(channel);
    for (const guardrail of judges) {
      if (guardrail.check.by !== "judge") continue;
      const all = [...spelt.values()].filter(({ whole }) => whole !== null);
      if (all.length === 0) continue;
      const said = all.map(({ whole, edited }) => edited ?? whole ?? "");
      const verdict = await guardrail.check.judge({ ...facts, texts: said });
      const isLog = guardrail.settings.action === "log";
      if (verdict.verdict === "allow") continue;
      const isBlock = verdict.verdict === "block";
      const action = isLog ? "log" : isBlock ? "block" : "mask";
      tell(guardrail, verdict.kind, { place: "answer", action });
      if (verdict.verdict === "block" || isLog) continue;
      for (const [at, channel] of all.entries()) {
        const text = verdict.texts[at];
        if (text !== undefined && text !== said[at]) channel.edited = text;
      }
    }
  };

  return {
    async push(bytes) {
      for (const block of splitter.push(bytes)) await take(block);
      return release();
    },
    see(event) {
      if (event.type !== "part-delta" || event.delta.type !== "text") return;
      const before = answers.get(event.candidate) ?? "";
      if (answerChecks.length > 0) answers.set(event.candidate, before + event.delta.text);
    },
    async finish() {
      const rest = splitter.end();
      if (rest) await take(rest);
      for (const { channel } of spelt.values()) channel.end();
      await judgeWhole();
      answers.clear();
      const shown = held.map(show);
      held = [];
      spelt.clear();
      return joined(shown);
    },
    last: () => last,
  };
}

const loneScalar = { start: 0, end: 0, path: [], type: "text" } as const;

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  return first && pieces.length === 1 ? first : Buffer.concat(pieces);
}
