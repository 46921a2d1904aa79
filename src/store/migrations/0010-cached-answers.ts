// Answers that are given again, and what requests saved by them.
import { sql } from "kysely";
import type { Migration } from "./migration.ts";

export const cachedAnswers: Migration = {
  version: 10,
  async up(db) {
    await db.schema
      .createTable("cached_answer")
      .addColumn("cache_key", "text", (column) => column.primaryKey().notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("expires_ms", "bigint", (column) => column.notNull())
      .addColumn("size", "bigint", (column) => column.notNull())
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("route", "text")
      .addColumn("provider", "text")
      .addColumn("model", "text")
      .addColumn("form", "text", (column) => column.notNull())
      .addColumn("content_type", "text", (column) => column.notNull())
      .addColumn("has_usage", "integer", (column) => column.notNull())
      .addColumn("usage", "text")
      .addColumn("cost_nanos", "bigint")
      .addColumn("key_id", "text")
      .addColumn("key_name", "text")
      .addColumn("user_id", "text")
      .addColumn("organization_id", "text")
      .addColumn("end_user", "text")
      .addColumn("encoding", "text", (column) => column.notNull())
      .addColumn("value", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createIndex("cached_answer_expires")
      .on("cached_answer")
      .column("expires_ms")
      .execute();
    // What all take together is read from it alone.
    await db.schema
      .createIndex("cached_answer_age")
      .on("cached_answer")
      .columns(["at_ms", "size"])
      .execute();
    await db.schema.alterTable("usage").addColumn("saved_nanos", "bigint").execute();
    await sql`create index usage_cached on usage (at_ms) where price_source = 'cache'`.execute(db);
  },
};
