// Experiments: which arm a request was given, and what people said of answers.
import type { Migration } from "./migration.ts";

export const experiments: Migration = {
  version: 5,
  async up(_db) {},
};
