// Experiments: which arm a request was given, what people said of answers, and which request shadows which.
import type { Migration } from "./migration.ts";

export const experiments: Migration = {
  version: 5,
  async up(db) {
    await db.schema
      .createTable("experiment_outcome")
      .addColumn("request_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("experiment", "text", (column) => column.notNull())
      .addColumn("arm", "text", (column) => column.notNull())
      .addColumn("answered_by", "text")
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addForeignKeyConstraint("outcome_usage", ["request_id"], "usage", ["request_id"], (key) =>
        key.onDelete("cascade"),
      )
      .execute();
    await db.schema
      .createIndex("experiment_outcome_at")
      .on("experiment_outcome")
      .columns(["experiment", "at_ms"])
      .execute();
    await db.schema
      .createTable("feedback")
      .addColumn("feedback_id", "text", (column) => column.notNull())
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("key_name", "text")
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("value", "double precision", (column) => column.notNull())
      .addColumn("comment", "text")
      .addPrimaryKeyConstraint("feedback_pk", ["request_id", "name"])
      .addForeignKeyConstraint("feedback_usage", ["request_id"], "usage", ["request_id"], (key) =>
        key.onDelete("cascade"),
      )
      .execute();
    await db.schema
      .createTable("shadow")
      .addColumn("shadow_id", "text", (column) => column.primaryKey().notNull())
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("route", "text", (column) => column.notNull())
      .addColumn("target", "text", (column) => column.notNull())
      .addColumn("request_finish", "text")
      .addColumn("shadow_finish", "text")
      .addForeignKeyConstraint("shadow_usage", ["shadow_id"], "usage", ["request_id"], (key) =>
        key.onDelete("cascade"),
      )
      .execute();
    await db.schema.createIndex("shadow_at").on("shadow").column("at_ms").execute();
  },
};
