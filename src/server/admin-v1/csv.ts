// Tables as CSV (RFC 4180) that a spreadsheet shows and does not run.

export type Cell = string | number | boolean | null;

/** With a line of names first. Names that clients chose cannot become formulas. (S28) */
export const csv = (columns: readonly string[], rows: readonly (readonly Cell[])[]): string =>
  [columns, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");

function field(value: Cell): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  // Spreadsheets take these for the beginning of a formula, some after blanks; an apostrophe says that it is text.
  const text = /^[\s\p{Cc}\p{Cf}]*[=+\-@|%＝＋－＠]|^[\t\r\n]/u.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
