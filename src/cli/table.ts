// Tables for people; scripts use --json.
import CliTable from "cli-table3";
import { bold } from "../lib/color.ts";
import { harmless } from "./output.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
}

/** No name that people would recognise is longer; clients send what they like. */
const maxCell = 60;

/** Plain aligned columns without lines, fit for a terminal and for `grep`. Cells are made harmless and cut. */
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
  table.push(...rows.map((row) => row.map(cell)));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function cell(text: string): string {
  const characters = Array.from(harmless(text));
  if (characters.length <= maxCell) return characters.join("");
  return `${characters.slice(0, maxCell - 20).join("")}…${characters.slice(-19).join("")}`;
}

/** Titles and what they stand for, one a line. */
export const renderFacts = (facts: readonly (readonly [string, string])[]): string =>
  facts.map(([title, text]) => `${title.padEnd(10)} ${harmless(text)}`).join("\n");

/** 1234567 → `1,234,567`. */
export const groupDigits = (value: number | bigint): string => value.toLocaleString("en-US");

/** Three digits and a unit, for limits: 128000 → `128k`, 1048576 → `1.05M`. Below a thousand as it is. */
export function shortCount(value: number): string {
  if (value < 1_000) return String(value);
  if (value < 999_500) return `${Math.round(value / 1_000)}k`;
  return `${Number((value / 1_000_000).toPrecision(3))}M`;
}
