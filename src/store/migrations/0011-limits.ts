// Rate limits: what their windows have counted, and what requests under way have taken of them.
import { sql } from "kysely";
import type { Migration } from "./migration.ts";

export const limits: Migration = {
  version: 11,
  async up(db) {
    await db.schema
      .createTable("limit_count")
      .addColumn("counter_id", "text", (column) => column.notNull())
      .addColumn("epoch", "bigint", (column) => column.notNull())
      .addColumn("amount", "bigint", (column) => column.notNull())
      .addColumn("ends_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("limit_count_pk", ["counter_id", "epoch"])
      .execute();
    await db.schema.createIndex("limit_count_ends").on("limit_count").column("ends_ms").execute();
    await db.schema
      .createTable("limit_take")
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("counter_id", "text", (column) => column.notNull())
      .addColumn("hold_id", "text", (column) => column.notNull())
      .addColumn("owner", "text", (column) => column.notNull())
      .addColumn("unit", "text", (column) => column.notNull())
      .addColumn("epoch", "bigint")
      .addColumn("amount", "bigint", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addPrimaryKeyConstraint("limit_take_pk", ["request_id", "counter_id"])
      .execute();
    // Places among the requests at once are counted in it alone.
    await sql`create index limit_place on limit_take (counter_id) where epoch is null`.execute(db);
  },
};
