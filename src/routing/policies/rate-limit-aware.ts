// `rate-limit-aware`: the most left of its rate limits goes first; who cannot take the request now goes last.
import { requestOf, rotated, statsOf } from "../contenders.ts";
import { type Headroom, headroomOf } from "../headroom.ts";
import type { Contender, Policy } from "../policy.ts";

export const rateLimitAware: Policy = {
  id: "rate-limit-aware",
  order(contenders, context) {
    const request = requestOf(context);
    const headrooms = new Map<Contender, Headroom>();
    for (const [place, contender] of contenders.entries()) {
      const stats = statsOf(contender, place, context);
      const headroom = headroomOf(contender, stats, request, context.nowMs ?? 0);
      headrooms.set(contender, headroom);
      const left = `${Math.round(headroom.share * 100)} % of its limits left`;
      context.note?.(contender, {
        score: headroom.share,
        parts: { headroom: headroom.share, fits: Number(headroom.fits) },
        why: headroom.fits ? left : `${left}: too little for this request`,
      });
    }
    const fits = (contender: Contender): number => Number(headrooms.get(contender)?.fits ?? true);
    const share = (contender: Contender): number => headrooms.get(contender)?.share ?? 1;
    return rotated(contenders, context.turn).toSorted(
      (one, other) => fits(other) - fits(one) || share(other) - share(one),
    );
  },
};
