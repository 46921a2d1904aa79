// Signs of life of the gateways that share a database.
import type { Migration } from "./migration.ts";

export const owners: Migration = {
  version: 6,
  async up(db) {
    await db.schema
      .createTable("owner_beat")
      .addColumn("owner", "text", (column) => column.primaryKey().notNull())
      .addColumn("beat", "bigint", (column) => column.notNull())
      .execute();
  },
};
