// `megallm alerts`: what was told of budgets.
import { parseSince } from "../since.ts";
import { bar, dollars } from "./amount-text.ts";
import { type AdminOptions, connect } from "./client.ts";
import { printRows } from "./resource.ts";
import { type AlertRow, alertRow, pageOf } from "./rows.ts";

/** Newest first. @throws ExitError */
export async function listAlerts(options: AdminOptions & { since: string }): Promise<void> {
  const query = { since_ms: Math.trunc(parseSince(options.since)) };
  const rows = await connect(options).list("/alerts", pageOf(alertRow), { query });
  await printRows(options, rows, {
    columns: ["time", "budget", "of", "alert", "spent", "", "webhook"].map((title) => ({ title })),
    rows: rows.map((row) => [
      new Date(row.at_ms).toISOString().slice(0, 19).replace("T", " "),
      row.budget_name,
      row.of ?? "-",
      whatOf(row),
      `${dollars(row.spent_usd)} of ${dollars(row.amount_usd)}`,
      bar(row.spent_usd, row.amount_usd),
      row.delivery === "none" ? "-" : row.delivery,
    ]),
    none: "No budget had an alert in that time.",
  });
}

const whatOf = ({ share }: AlertRow): string =>
  share === null ? "request refused" : `${Number((share * 100).toFixed(4))} % spent`;
