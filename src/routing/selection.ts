// Which of a route's deployments a request may go to by what it says of itself: its tags, and the region it must stay in.

/** What a request says of where it may go. It can only narrow the choice. */
export interface Choice {
  /** Deployments with one of these, see {@link withTags}. */
  tags?: readonly string[];
  /** Nobody elsewhere is asked. */
  region?: string;
}

/** Must a deployment have one of a request's tags, or all of them? */
export type TagMatch = "any" | "all";

/** The deployments for what nobody else takes. */
export const defaultTag = "default";

/**
 * The deployments that have a request's tags; where none has them, and for requests without tags, those tagged
 * `default`. Where no deployment has tags they mean nothing. https://docs.litellm.ai/docs/proxy/tag_routing
 */
export function withTags<D extends { readonly tags?: readonly string[] }>(
  deployments: readonly D[],
  wanted: readonly string[] = [],
  match: TagMatch = "any",
): D[] {
  const has = ({ tags = [] }: D, tag: string): boolean => tags.includes(tag);
  if (deployments.every(({ tags = [] }) => tags.length === 0)) return [...deployments];
  const fits = (each: D): boolean =>
    match === "all" ? wanted.every((tag) => has(each, tag)) : wanted.some((tag) => has(each, tag));
  const matching = wanted.length > 0 ? deployments.filter(fits) : [];
  if (matching.length > 0) return matching;
  const others = deployments.filter((each) => has(each, defaultTag));
  return wanted.length > 0 || others.length > 0 ? others : [...deployments];
}

/**
 * Whether a place is within the region that is asked for; one that nobody knows is not.
 * @example isWithin("eu-west-1", "eu") // → true
 */
export function isWithin(region: string | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  const place = region?.toLowerCase();
  const whole = wanted.toLowerCase();
  return place !== undefined && (place === whole || place.startsWith(`${whole}-`));
}
