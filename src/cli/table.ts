// Tables for people; scripts use --json.
import CliTable from "cli-table3";
import { bold } from "../lib/color.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
}

/** Plain aligned columns without lines, fit for a terminal and for `grep`. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const table = new CliTable({
    head: columns.map((column) => bold(column.title)),
    colAligns: columns.map((column) => column.align ?? "left"),
    chars: Object.fromEntries(
      [
        ..."top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right".split(" "),
        ..."left left-mid mid mid-mid right right-mid middle".split(" "),
      ].map((name) => [name, ""]),
    ),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** 1234567 → `1,234,567`. */
export const groupDigits = (value: number | bigint): string => value.toLocaleString("en-US");
