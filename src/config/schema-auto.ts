// What `policy: auto` may be told, as users write it: where tiers begin, and what is pinned to one.
import { z } from "zod";
import { createPattern } from "../lib/pattern.ts";
import { PatternError } from "../lib/pattern-syntax.ts";
import { field } from "./field.ts";
import { whole } from "./schema-values.ts";

const none = { defaultText: "anything" };
const word = z.string().min(1, "the text is empty").max(200);

const pattern = z
  .string()
  .min(1, "the pattern is empty")
  .transform((source, context) => {
    try {
      return createPattern(source);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });

const pin = z.strictObject({
  text: field(
    pattern.optional(),
    "A regular expression that the last user text must match somewhere; `(?i)` at its beginning ignores case. Backreferences and lookaround are not known, so that no text can make it slow.",
    "(?i)\\b(prove|theorem)\\b",
    none,
  ),
  tag: field(word.optional(), "A tag that the request must carry.", "premium", none),
  metadata: field(
    z.record(z.string().min(1).max(200), word).optional(),
    "Values that the request's `metadata` must have.",
    { team: "research" },
    none,
  ),
  tool: field(word.optional(), "A tool that the request must offer.", "web_search", none),
  tier: field(
    whole(1, 1000).optional(),
    "The tier that answers, counted from the simplest: 1, 2 ...",
    1,
    { defaultText: "none" },
  ),
  quality: field(
    z.number("expected a number").min(0).max(1000).optional(),
    "Or the tier by its `quality`.",
    2,
    { defaultText: "none" },
  ),
  model: field(
    word.optional(),
    "Or one deployment of this route, as it is written there.",
    "openai/gpt-4o",
    { defaultText: "none" },
  ),
});

export type ParsedPin = z.output<typeof pin>;

const portion = z.number("expected a number").min(0).max(1);

export const autoFields = {
  slider: field(
    portion.optional(),
    "Under `policy: auto`: 0 always takes the simplest tier, 1 always the best.",
    0.7,
    { defaultText: "0.5" },
  ),
  thresholds: field(
    z.array(portion).min(1, "the list is empty").optional(),
    "Under `policy: auto`: the difficulties from which on the next better tier answers, one fewer than there are tiers. The slider moves them.",
    [0.3, 0.7],
    { defaultText: "equal parts" },
  ),
  hysteresis: field(
    portion.optional(),
    "Under `policy: auto`: a conversation changes its tier only when the difficulty is past the threshold by this much. `0` judges each request for itself.",
    0.2,
    { defaultText: "0.1" },
  ),
  pins: field(
    z.array(pin).max(100).optional(),
    "Under `policy: auto`: requests whose tier does not depend on their difficulty. The first that fits counts; all that one names must fit.",
    [{ text: "(?i)\\b(prove|theorem)\\b", quality: 2 }],
    { defaultText: "none" },
  ),
};
