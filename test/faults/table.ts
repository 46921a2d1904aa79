// The fault suite's table: one line for each fault, what held of it at each upstream wire, and where else it is proven.
import { type WireName, wires } from "./wires.ts";

export interface Result {
  wire: WireName;
  /** Client, mode and wire. */
  way: string;
  holds: boolean;
}

export interface Row {
  item: string;
  name: string;
  stated: string;
  results?: readonly Result[];
  elsewhere?: { file: string; isThere: boolean };
}

/** By item, in the order of the catalogue. */
export function render(rows: readonly Row[]): string {
  const sorted = rows.toSorted((one, other) => one.item.localeCompare(other.item));
  const results = rows.flatMap((row) => row.results ?? []);
  const named = rows.flatMap(({ elsewhere }) => elsewhere ?? []);
  const held = results.filter(({ holds }) => holds).length;
  const there = named.filter(({ isThere }) => isThere).length;
  return [
    line(
      "",
      "fault",
      wires.map(({ name }) => name),
      "stated: alone | with a fallback | held against the deployment",
    ),
    ...sorted.flatMap(lines),
    `${rows.length - named.length} faults, ${results.length} combinations of upstreams, clients and modes: ${held} as stated`,
    `${named.length} proven elsewhere: ${there} are there`,
    `items: ${[...new Set(sorted.map(({ item }) => item))].join(" ")}`,
  ].join("\n");
}

function lines({ item, name, stated, results = [], elsewhere }: Row): string[] {
  if (elsewhere) {
    const where = `${stated} (${elsewhere.isThere ? "" : "MISSING: "}${elsewhere.file})`;
    return [
      line(
        item,
        name,
        wires.map(() => "see"),
        where,
      ),
    ];
  }
  const cells = wires.map((wire) => {
    const own = results.filter((result) => result.wire === wire.name);
    const good = own.filter(({ holds }) => holds).length;
    return own.length === 0 ? "-" : `${good === own.length ? "ok" : "FAIL"} ${good}/${own.length}`;
  });
  const failed = results.filter(({ holds }) => !holds).map(({ way }) => `    FAILS: ${way}`);
  return [line(item, name, cells, stated), ...failed];
}

const line = (item: string, name: string, cells: readonly string[], stated: string): string =>
  [item.padEnd(3), name.padEnd(58), ...cells.map((cell) => cell.padEnd(9)), stated].join(" ");
