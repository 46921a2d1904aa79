// Bodies of requests and answers, where a route or key asks for them: redacted before they come here, compressed here.
import { now } from "../lib/clock.ts";
import type { Driver } from "./driver.ts";
import { text } from "./rows.ts";

export type BodyPart = "request" | "response";

export interface Body {
  readonly requestId: string;
  readonly part: BodyPart;
  readonly atMs: number;
  readonly contentType: string | null;
  /** As it went over the wire, bytes. */
  readonly size: number;
  /** `text` is only its beginning. */
  readonly isCut: boolean;
  readonly text: string;
}

/** All methods reject with StoreError. */
export interface Bodies {
  /** Writes them in one transaction, over those of the same request. */
  put(bodies: readonly Omit<Body, "atMs">[]): Promise<void>;
  /** The request's before the answer's. */
  get(requestId: string): Promise<Body[]>;
  remove(requestIds: readonly string[]): Promise<number>;
}

/** Ids in one statement. */
const batch = 500;

export function createBodies(
  driver: Driver,
  { reading, refuse }: { reading<T>(read: () => Promise<T>): Promise<T>; refuse(): void },
): Bodies {
  const { db } = driver;
  return {
    put: (bodies) =>
      reading(async () => {
        refuse();
        if (bodies.length === 0) return;
        const atMs = BigInt(Math.trunc(now()));
        await driver.transact(
          bodies.map((body) => {
            const row = {
              at_ms: atMs,
              content_type: text(body.contentType, 128),
              size: body.size,
              is_cut: body.isCut ? 1 : 0,
              value: Buffer.from(Bun.gzipSync(Buffer.from(body.text))).toString("base64"),
            };
            return [
              db
                .insertInto("body")
                .values({ request_id: body.requestId, part: body.part, ...row })
                .onConflict((conflict) => conflict.columns(["request_id", "part"]).doUpdateSet(row))
                .compile(),
            ] as const;
          }),
        );
      }),
    get: (requestId) =>
      reading(async () => {
        const rows = await db
          .selectFrom("body")
          .selectAll()
          .where("request_id", "=", requestId)
          .orderBy("part")
          .execute();
        return rows.flatMap((row): Body[] => {
          const { part } = row;
          if (part !== "request" && part !== "response") return [];
          return [
            {
              requestId,
              part,
              atMs: Number(row.at_ms),
              contentType: row.content_type,
              size: Number(row.size),
              isCut: Number(row.is_cut) === 1,
              text: Buffer.from(Bun.gunzipSync(Buffer.from(row.value, "base64"))).toString(),
            },
          ];
        });
      }),
    remove: (requestIds) =>
      reading(async () => {
        refuse();
        let removed = 0;
        for (let from = 0; from < requestIds.length; from += batch) {
          const result = await db
            .deleteFrom("body")
            .where("request_id", "in", requestIds.slice(from, from + batch))
            .executeTakeFirst();
          removed += Number(result.numDeletedRows);
        }
        return removed;
      }),
  };
}
