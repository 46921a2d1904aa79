// Comma-separated values as RFC 4180 has them, with quotes, line breaks in quotes and a byte order mark.
import { BillError } from "./bill.ts";

/** One line by the names of its columns. */
export type CsvRow = ReadonlyMap<string, string>;

export interface Csv {
  readonly columns: readonly string[];
  readonly rows: Iterable<{ line: number; row: CsvRow }>;
}

/** Names of columns are trimmed and in lower case; empty lines are left out. @throws BillError */
export function readCsv(text: string): Csv {
  const records = recordsOf(text);
  const first = records.next();
  if (first.done) throw new BillError("The file is empty.");
  const columns = first.value.fields.map((name) => name.trim().toLowerCase());
  return { columns, rows: rowsOf(columns, records) };
}

interface CsvRecord {
  line: number;
  fields: string[];
}

function* rowsOf(
  columns: readonly string[],
  records: Iterable<CsvRecord>,
): Generator<{ line: number; row: CsvRow }> {
  for (const { line, fields } of records) {
    if (fields.length !== columns.length) {
      throw new BillError(
        `Line ${line} has ${fields.length} fields; the first line names ${columns.length} columns.`,
      );
    }
    yield { line, row: new Map(columns.map((name, index) => [name, fields[index] ?? ""])) };
  }
}

function* recordsOf(text: string): Generator<CsvRecord, void> {
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const record: CsvRecord = { line, fields: [] };
    for (;;) {
      let field: string;
      if (text[at] === '"') {
        const end = closingQuote(text, at + 1);
        if (end < 0) throw new BillError(`Line ${line} begins a quotation that nothing ends.`);
        field = text.slice(at + 1, end).replaceAll('""', '"');
        for (const character of field) if (character === "\n") line += 1;
        at = end + 1;
      } else {
        const end = endOfField(text, at);
        field = text.slice(at, end);
        at = end;
      }
      record.fields.push(field);
      if (text[at] !== ",") break;
      at += 1;
    }
    if (text[at] === "\r") at += 1;
    if (at < text.length && text[at] !== "\n") {
      throw new BillError(`Line ${line} has text behind a closing quote.`);
    }
    at += 1;
    line += 1;
    if (record.fields.length > 1 || record.fields[0] !== "") yield record;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  return -1;
}

function endOfField(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    const character = text[at];
    if (character === "," || character === "\n") break;
    if (character === "\r" && (text[at + 1] === "\n" || at + 1 === text.length)) break;
    at += 1;
  }
  return at;
}
