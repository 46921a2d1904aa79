// `megallm requests show`: one request of the ledger with its attempts, and its bodies where they were kept.
import { formatNanos } from "../lib/money.ts";
import type { Body } from "../store/bodies.ts";
import type { AttemptRow, UsageRow } from "../store/store.ts";
import { ExitError, exitCodes } from "./exit.ts";
import { openToRead } from "./ledger.ts";
import { harmless, print, printJson } from "./output.ts";
import { ledgerSettings } from "./settings.ts";
import { groupDigits, renderFacts, renderTable } from "./table.ts";

export interface ShowRequestOptions {
  bodies?: boolean;
  config?: string;
  dataDir?: string;
  json?: boolean;
}

/** @throws ExitError `failed` when no such request is on record */
export async function showRequest(requestId: string, options: ShowRequestOptions): Promise<void> {
  const store = await openToRead(ledgerSettings(options.config, { dataDir: options.dataDir }));
  try {
    const found = await store?.request(requestId);
    if (!store || !found) {
      throw new ExitError(exitCodes.failed, `No request \`${requestId}\` is on record.`);
    }
    const bodies = options.bodies ? await store.bodies.get(requestId) : null;
    if (options.json) {
      await printJson({
        ...plain(found.usage),
        attempts: found.attempts.map(plain),
        ...(bodies && { bodies: bodies.map(({ requestId: _id, ...body }) => body) }),
      });
      return;
    }
    await print([facts(found.usage), attemptsOf(found.attempts)].join("\n\n"));
    if (bodies) await print(`\n${bodiesText(bodies)}`);
  } finally {
    await store?.close();
  }
}

const facts = (usage: UsageRow): string =>
  renderFacts(
    (
      [
        ["request", usage.requestId],
        ["arrived", new Date(usage.atMs).toISOString()],
        ["key", usage.key],
        ["user", usage.user],
        ["route", usage.route],
        ["answered", usage.provider && `${usage.provider}/${usage.model ?? ""}`],
        ["status", [usage.status, usage.httpStatus, usage.errorCode].filter(Boolean).join(" ")],
        [
          "tokens",
          `${groupDigits(usage.inputTokens)} in, ${groupDigits(usage.outputTokens)} out${usage.usageEstimated ? ", estimated" : ""}`,
        ],
        ["cost USD", costText(usage.costNanos)],
        ["tags", usage.tags.join(", ")],
      ] as const
    ).flatMap(([title, text]) => (text ? [[title, text] as const] : [])),
  );

const attemptsOf = (attempts: readonly AttemptRow[]): string =>
  renderTable(
    [
      { title: "attempt" },
      { title: "status" },
      { title: "ms", align: "right" },
      { title: "input", align: "right" },
      { title: "output", align: "right" },
      { title: "cost USD", align: "right" },
    ],
    attempts.map((each) => [
      `${each.provider}/${each.model}`,
      [each.httpStatus, each.errorCode ?? each.status].filter(Boolean).join(" "),
      groupDigits(Math.round(each.durationMs)),
      groupDigits(each.inputTokens ?? 0),
      groupDigits(each.outputTokens ?? 0),
      costText(each.costNanos ?? null),
    ]),
  );

const costText = (nanos: bigint | null): string =>
  nanos === null ? "unknown" : formatNanos(nanos);

function bodiesText(bodies: readonly Body[]): string {
  if (bodies.length === 0) {
    return "No bodies are kept: `store_bodies` asks for that on a route or key, and `ledger.bodies` says for how long.";
  }
  return bodies
    .map(
      ({ part, size, isCut, contentType, text }) =>
        `--- ${part}: ${contentType ?? "unknown type"}, ${groupDigits(size)} bytes${isCut ? ", cut" : ""}\n${harmless(text, "\n\t")}`,
    )
    .join("\n");
}

const plain = <Row extends { costNanos?: bigint | null }>({ costNanos, ...row }: Row) => ({
  ...row,
  costNanos: costNanos?.toString() ?? null,
});
