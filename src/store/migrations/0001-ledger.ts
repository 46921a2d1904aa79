// The ledger: usage, attempts, and requests that have begun.
import type { CreateTableBuilder } from "kysely";
import type { Migration } from "./migration.ts";

export const ledger: Migration = {
  version: 1,
  async up(db) {
    await withTokens(
      db.schema
        .createTable("usage")
        .addColumn("request_id", "text", (column) => column.primaryKey().notNull())
        .addColumn("at_ms", "bigint", (column) => column.notNull())
        .addColumn("key_name", "text")
        .addColumn("end_user", "text")
        .addColumn("route", "text")
        .addColumn("provider", "text")
        .addColumn("model", "text")
        .addColumn("inbound_dialect", "text", (column) => column.notNull())
        .addColumn("outbound_dialect", "text")
        .addColumn("operation", "text", (column) => column.notNull())
        .addColumn("relayed", "integer", (column) => column.notNull())
        .addColumn("stream", "integer", (column) => column.notNull())
        .addColumn("status", "text", (column) => column.notNull())
        .addColumn("http_status", "integer")
        .addColumn("error_code", "text")
        .addColumn("usage_estimated", "integer", (column) => column.notNull())
        .addColumn("cost_nanos", "bigint")
        .addColumn("price_source", "text")
        .addColumn("duration_ms", "double precision")
        .addColumn("duration_class", "integer")
        .addColumn("first_token_ms", "double precision")
        .addColumn("overhead_ms", "double precision")
        .addColumn("warnings", "text", (column) => column.notNull())
        .addColumn("attempts", "integer", (column) => column.notNull()),
    ).execute();
    await db.schema.createIndex("usage_at").on("usage").column("at_ms").execute();
    await withTokens(
      db.schema
        .createTable("attempt")
        .addColumn("request_id", "text", (column) => column.notNull())
        .addColumn("attempt_index", "integer", (column) => column.notNull())
        .addColumn("provider", "text", (column) => column.notNull())
        .addColumn("model", "text", (column) => column.notNull())
        .addColumn("key_name", "text")
        .addColumn("started_at_ms", "bigint", (column) => column.notNull())
        .addColumn("duration_ms", "double precision")
        .addColumn("first_byte_ms", "double precision")
        .addColumn("status", "text", (column) => column.notNull())
        .addColumn("http_status", "integer")
        .addColumn("error_code", "text")
        .addColumn("upstream_request_id", "text")
        .addColumn("cost_nanos", "bigint"),
    )
      .addPrimaryKeyConstraint("attempt_pk", ["request_id", "attempt_index"])
      .addForeignKeyConstraint("attempt_usage", ["request_id"], "usage", ["request_id"], (key) =>
        key.onDelete("cascade"),
      )
      .execute();
    await db.schema
      .createTable("started")
      .addColumn("request_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("key_name", "text")
      .addColumn("dialect", "text", (column) => column.notNull())
      .addColumn("operation", "text", (column) => column.notNull())
      .addColumn("route", "text")
      .addColumn("stream", "integer", (column) => column.notNull())
      .addColumn("owner", "text", (column) => column.notNull())
      .execute();
  },
};

const withTokens = <Table extends string, Column extends string>(
  table: CreateTableBuilder<Table, Column>,
): CreateTableBuilder<Table, Column> => {
  let wider = table;
  for (const column of tokenColumns) {
    wider = wider.addColumn(column, "bigint", (built) => built.notNull());
  }
  return wider;
};

const tokenColumns = [
  "input_tokens",
  "cache_read_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "input_audio_tokens",
  "output_tokens",
  "reasoning_tokens",
  "output_audio_tokens",
] as const;
