// What was shown to work, counted by pair and feature.

export interface Matrix {
  /** One check of `feature` by this pair of client and upstream passed. */
  ok(pair: string, feature: string): void;
  /** The counts as a table: one line for each feature, one column for each pair. */
  print(): string;
}

export function createMatrix(): Matrix {
  const counts = new Map<string, Map<string, number>>();
  const pairs = new Set<string>();
  return {
    ok(pair, feature) {
      pairs.add(pair);
      const row = counts.get(feature) ?? new Map<string, number>();
      counts.set(feature, row.set(pair, (row.get(pair) ?? 0) + 1));
    },
    print() {
      const columns = [...pairs];
      const title = "checks passed";
      const width = Math.max(title.length, ...[...counts.keys()].map((feature) => feature.length));
      const lines = [...counts].map(([feature, row]) =>
        [feature.padEnd(width), ...columns.map((pair, at) => cell(row.get(pair), at))].join(" "),
      );
      const sums = columns.map((pair) =>
        [...counts.values()].reduce((sum, row) => sum + (row.get(pair) ?? 0), 0),
      );
      const total = sums.reduce((sum, one) => sum + one, 0);
      return [
        ...columns.map((pair, at) => `[${String(at + 1).padStart(2)}] ${pair}`),
        [title.padEnd(width), ...columns.map((_, at) => `[${String(at + 1).padStart(2)}]`)].join(
          " ",
        ),
        ...lines,
        ["all".padEnd(width), ...sums.map(cell)].join(" "),
        `${total} checks, ${columns.length} pairs, ${counts.size} features`,
      ].join("\n");
    },
  };
}

const cell = (count: number | undefined, _at: number): string =>
  (count === undefined ? "-" : String(count)).padStart(4);
