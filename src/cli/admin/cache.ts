// `megallm cache`: what the answer cache holds and saved, and how it is emptied.
import { z } from "zod";
import { print } from "../output.ts";
import { parseSince } from "../since.ts";
import { groupDigits } from "../table.ts";
import { dollars } from "./amount-text.ts";
import { type AdminOptions, connect } from "./client.ts";
import { confirm } from "./confirm.ts";

const figures = z.looseObject({
  entries: z.number(),
  bytes: z.number(),
  max_bytes: z.number(),
  oldest_at_ms: z.number().nullable(),
  since_ms: z.number(),
  hits: z.number(),
  saved_usd: z.string(),
});

const cleared = z.looseObject({ removed: z.number() });

/** @throws ExitError */
export async function cacheStats(options: AdminOptions & { since: string }): Promise<void> {
  const query = { since_ms: Math.trunc(parseSince(options.since)) };
  const found = await connect(options).get("/cache", figures, query);
  if (options.json) return print(JSON.stringify(found));
  const oldest = found.oldest_at_ms === null ? "" : `, the oldest from ${time(found.oldest_at_ms)}`;
  await print(
    [
      `${count(found.entries, "answer")}, ${size(found.bytes)} of ${size(found.max_bytes)}${oldest}`,
      `${count(found.hits, "request")} answered from it since ${time(found.since_ms)}, ${dollars(found.saved_usd)} saved`,
    ].join("\n"),
  );
}

/** @throws ExitError */
export async function clearCache(
  options: AdminOptions & { model?: string; yes?: boolean },
): Promise<void> {
  const { model } = options;
  const what = model === undefined ? "all cached answers" : `the cached answers of \`${model}\``;
  await confirm(`Forget ${what}?`, options);
  const found = await connect(options).remove("/cache", cleared, { model });
  await print(options.json ? JSON.stringify(found) : `${groupDigits(found.removed)} forgotten`);
}

const count = (many: number, what: string): string =>
  `${groupDigits(many)} ${what}${many === 1 ? "" : "s"}`;

const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");

const size = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MB`;
