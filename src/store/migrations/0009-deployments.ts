// Which deployment money was held for: a bill is by model, and so can what nobody knows be matched with it.
import type { Migration } from "./migration.ts";

export const deployments: Migration = {
  version: 9,
  async up(db) {
    await db.schema.alterTable("hold").addColumn("deployment", "text").execute();
    await db.schema.alterTable("charge").addColumn("deployment", "text").execute();
  },
};
