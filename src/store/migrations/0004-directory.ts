// The directory: organizations, teams, users, keys, budgets, limits, and the audit log.
import type { Migration } from "./migration.ts";

export const directory: Migration = {
  version: 4,
  async up(_db) {},
};
