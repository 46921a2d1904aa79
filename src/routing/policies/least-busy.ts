// `least-busy`: the fewest requests under way go first; equals take turns.
import { idOf, rotated } from "../contenders.ts";
import type { Contender, Policy } from "../policy.ts";
import { noStats } from "../stats.ts";

export const leastBusy: Policy = {
  id: "least-busy",
  order(contenders, { turn, stats, note }) {
    const busy = new Map<Contender, number>();
    for (const [place, contender] of contenders.entries()) {
      const { inFlight } = stats?.(idOf(contender, place)) ?? noStats;
      busy.set(contender, inFlight);
      note?.(contender, {
        score: -inFlight,
        parts: { in_flight: inFlight },
        why: `${inFlight} requests under way`,
      });
    }
    return rotated(contenders, turn).toSorted(
      (one, other) => (busy.get(one) ?? 0) - (busy.get(other) ?? 0),
    );
  },
};
