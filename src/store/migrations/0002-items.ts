// Items: what is kept for a while under a key of its own, and who it belongs to.
import type { Migration } from "./migration.ts";

export const items: Migration = {
  version: 2,
  async up(db) {
    await db.schema
      .createTable("item")
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("item_key", "text", (column) => column.notNull())
      .addColumn("owner", "text")
      .addColumn("value", "text", (column) => column.notNull())
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("expires_ms", "bigint")
      .addPrimaryKeyConstraint("item_pk", ["kind", "item_key"])
      .execute();
    await db.schema.createIndex("item_expires").on("item").column("expires_ms").execute();
  },
};
