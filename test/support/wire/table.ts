// The matrix in numbers: outbound wire by client, and why records differ.
import type { ClientId } from "./clients.ts";
import type { Exchange, Wire } from "./exchange.ts";
import type { Judgement } from "./judge.ts";
import type { Reason } from "./reasons.ts";

interface Cell {
  records: number;
  equal: number;
  differing: number;
}

export interface Table {
  add(place: { wire: Wire; client: ClientId; exchange: Exchange }, judgement: Judgement): void;
  /** The rows of one outbound wire. */
  print(): void;
  /** Every reason that was given, with the records, by pair. */
  printReasons(): void;
  readonly records: number;
  /** One line for each. */
  readonly faults: readonly string[];
  readonly given: ReadonlySet<Reason>;
}

/** Ids printed of one reason in one pair; the rest are counted. */
const maxIds = 8;

export function createTable(title: string): Table {
  const cells = new Map<Wire, Map<ClientId, Cell>>();
  const given = new Map<Reason, Map<string, string[]>>();
  const faults: string[] = [];
  let records = 0;
  return {
    add({ wire, client, exchange }, judgement) {
      records += 1;
      const row = cells.get(wire) ?? new Map<ClientId, Cell>();
      cells.set(wire, row);
      const cell = row.get(client) ?? { records: 0, equal: 0, differing: 0 };
      row.set(client, cell);
      cell.records += 1;
      for (const fault of judgement.faults) {
        faults.push(`${wire} to ${client}: ${exchange.file} ${exchange.id}: ${fault}`);
      }
      if (judgement.faults.length > 0) return;
      if (judgement.reasons.length === 0) cell.equal += 1;
      else cell.differing += 1;
      for (const reason of new Set(judgement.reasons)) {
        const pairs = given.get(reason) ?? new Map<string, string[]>();
        given.set(reason, pairs);
        const pair = `${wire} to ${client}`;
        pairs.set(pair, [...(pairs.get(pair) ?? []), exchange.id]);
      }
    },
    print() {
      const lines = [...cells].flatMap(([wire, row]) =>
        [...row].map(([client, { records: all, equal, differing }]) =>
          [
            wire.padEnd(19),
            client.padEnd(19),
            ...[all, equal, differing, all - equal - differing].map((each) =>
              `${each}`.padStart(7),
            ),
          ].join(""),
        ),
      );
      const head = `${"outbound".padEnd(19)}${"client".padEnd(19)}records  equal differ faults`;
      console.log([title, head, ...lines].join("\n"));
    },
    printReasons() {
      const lines = [...given].flatMap(([{ why }, pairs]) => [
        `  ${why}: ${[...pairs.values()].flat().length}`,
        ...[...pairs].map(([pair, ids]) => {
          const more = ids.length > maxIds ? ` and ${ids.length - maxIds} more` : "";
          return `    ${pair} (${ids.length}): ${ids.slice(0, maxIds).join(" ")}${more}`;
        }),
      ]);
      console.log([`${title}: why records differ`, ...lines].join("\n"));
    },
    get records() {
      return records;
    },
    faults,
    get given() {
      return new Set(given.keys());
    },
  };
}
