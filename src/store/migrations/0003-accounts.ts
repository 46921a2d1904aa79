// Accounts: budgets' counters, holds and charges.
import type { Migration } from "./migration.ts";

export const accounts: Migration = {
  version: 3,
  async up(_db) {},
};
