// "Did you mean": the candidates nearest to a misspelt word.
import { distance } from "fastest-levenshtein";

/**
 * Up to `max` candidates that `word` may have meant, nearest first; empty when none is near.
 * @example nearest("opnai", ["openai", "anthropic"]) // → ["openai"]
 */
export function nearest(word: string, candidates: Iterable<string>, max = 3): string[] {
  const wanted = word.slice(0, 200).toLowerCase();
  if (wanted === "") return [];
  // Two letters the wrong way round cost two.
  const allowed = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  return [...new Set(candidates)]
    .map((candidate) => ({ candidate, cost: cost(wanted, candidate.toLowerCase()) }))
    .filter((entry) => entry.cost <= allowed)
    .toSorted(
      (left, right) => left.cost - right.cost || (left.candidate < right.candidate ? -1 : 1),
    )
    .slice(0, max)
    .map((entry) => entry.candidate);
}

/** Edits between the words; a candidate that contains the word (or the reverse) counts as near. */
function cost(wanted: string, candidate: string): number {
  const edits = distance(wanted, candidate);
  const contains =
    Math.min(wanted.length, candidate.length) >= 3 &&
    (candidate.includes(wanted) || wanted.includes(candidate));
  return contains ? Math.min(edits, 1) : edits;
}
