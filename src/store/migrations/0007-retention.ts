// Sums by hour and day, so that rows need not be kept for ever; and bodies, where somebody asked for them.
import { sql } from "kysely";
import type { Migration } from "./migration.ts";

export const retention: Migration = {
  version: 7,
  async up(db) {
    await db.schema
      .alterTable("usage")
      .addColumn("rolled", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema.createIndex("usage_rolled").on("usage").columns(["rolled", "at_ms"]).execute();
    let table = db.schema
      .createTable("rollup")
      .addColumn("rollup_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("span_ms", "bigint", (column) => column.notNull())
      .addColumn("start_ms", "bigint", (column) => column.notNull());
    for (const column of dimensions) table = table.addColumn(column, "text");
    for (const column of sums) {
      table = table.addColumn(column, "bigint", (built) => built.notNull());
    }
    await table.addColumn("durations", "text", (column) => column.notNull()).execute();
    await db.schema
      .createIndex("rollup_start")
      .on("rollup")
      .columns(["span_ms", "start_ms"])
      .execute();
    await db.schema
      .createTable("rollup_state")
      .addColumn("id", "integer", (column) => column.primaryKey().notNull())
      .addColumn("version", "bigint", (column) => column.notNull())
      .addColumn("rows_from_ms", "bigint", (column) => column.notNull())
      .addColumn("hours_from_ms", "bigint", (column) => column.notNull())
      .execute();
    await sql`insert into rollup_state (id, version, rows_from_ms, hours_from_ms) values (1, 0, 0, 0)`.execute(
      db,
    );
    await db.schema
      .createTable("body")
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("part", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("content_type", "text")
      .addColumn("size", "bigint", (column) => column.notNull())
      .addColumn("is_cut", "integer", (column) => column.notNull())
      .addColumn("value", "text", (column) => column.notNull())
      .addPrimaryKeyConstraint("body_pk", ["request_id", "part"])
      .execute();
    await db.schema.createIndex("body_at").on("body").column("at_ms").execute();
  },
};

const dimensions = [
  "organization_id",
  "team_id",
  "user_id",
  "key_id",
  "key_name",
  "route",
  "provider",
  "model",
  "status",
] as const;

const sums = [
  "requests",
  "attempts",
  "errors",
  "estimated",
  "unpriced",
  "input_tokens",
  "cache_read_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "input_audio_tokens",
  "output_tokens",
  "reasoning_tokens",
  "output_audio_tokens",
  "cost_high",
  "cost_low",
  "duration_micros",
  "duration_count",
] as const;
