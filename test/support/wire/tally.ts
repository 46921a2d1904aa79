// Counts what came of recorded exchanges, by file, so that nothing is skipped unseen.
import type { Exchange } from "./exchange.ts";

/** What came of one exchange: nothing amiss, a departure that has its reason, or a fault. */
export interface Verdict {
  exception?: string;
  fault?: string;
}

export interface Tally {
  add(exchange: Exchange, verdict: Verdict): void;
  /** One line per file and per exception. */
  print(): void;
  /** `file id: what is wrong`, one for each. */
  readonly faults: readonly string[];
}

/** @example const tally = createTally("relayed"); tally.add(exchange, {}); tally.print() */
export function createTally(title: string): Tally {
  const files = new Map<string, { passed: number; excepted: number }>();
  const exceptions = new Map<string, string[]>();
  const faults: string[] = [];
  return {
    faults,
    add({ file, id }, { exception, fault }) {
      const counts = files.get(file) ?? { passed: 0, excepted: 0 };
      files.set(file, counts);
      if (fault !== undefined) faults.push(`${file} ${id}: ${fault}`);
      else if (exception === undefined) counts.passed += 1;
      else {
        counts.excepted += 1;
        exceptions.set(exception, [...(exceptions.get(exception) ?? []), id]);
      }
    },
    print() {
      const all = [...files].map(
        ([file, { passed, excepted }]) =>
          `  ${file}: ${passed} the same${excepted > 0 ? `, ${excepted} excepted` : ""}`,
      );
      const reasons = [...exceptions].map(
        ([reason, ids]) => `  except ${reason}: ${ids.join(" ")}`,
      );
      const total = [...files.values()].reduce((sum, { passed }) => sum + passed, 0);
      console.log([`${title}: ${total} the same`, ...all, ...reasons].join("\n"));
    },
  };
}
