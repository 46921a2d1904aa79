// Pins: requests whose quality tier is settled by what they are, not by how hard they look.
import type { Pin } from "../config/config.ts";

/** What pins look at. */
export interface PinFacts {
  /** The last user text; of a very long one its beginning and its end. */
  readonly text: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tools: readonly string[];
}

export const noPinFacts: PinFacts = { text: "", tags: [], metadata: {}, tools: [] };

/** The place of the first pin that fits; -1 where none does. The cheap questions are asked first. */
export const findPin = (pins: readonly Pin[], facts: PinFacts): number =>
  pins.findIndex(
    ({ metadata = {}, tag, text, tool }) =>
      (tag === undefined || facts.tags.includes(tag)) &&
      (tool === undefined || facts.tools.includes(tool)) &&
      Object.entries(metadata).every(([name, value]) => isValue(facts.metadata, name, value)) &&
      (text === undefined || text.test(facts.text)),
  );

const isValue = (
  metadata: Readonly<Record<string, unknown>>,
  name: string,
  value: string,
): boolean => {
  const found = Object.hasOwn(metadata, name) ? metadata[name] : undefined;
  return (
    (typeof found === "string" || typeof found === "number" || typeof found === "boolean") &&
    String(found) === value
  );
};
