// Whole lists from pages, as far as a list may go.
import type { Page, PageQuery } from "../../store/directory-types.ts";

/** LiteLLM's lists have numbered pages and totals: so many rows are counted at most. */
const maxRows = 10_000;
const pageSize = 500;

/** All rows, newest first; at most 10,000. */
export async function readAll<Row>(
  read: (page: PageQuery) => Promise<Page<Row>>,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: pageSize, ...(cursor !== undefined && { cursor }) });
    rows.push(...page.rows);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && rows.length < maxRows);
  return rows.slice(0, maxRows);
}
