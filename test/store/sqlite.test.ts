// The contract on SQLite: in a file, and in memory.
import { sqliteFile, sqliteMemory } from "../support/sqlite-harness.ts";
import { storeSuite } from "./contract.ts";

storeSuite("SQLite file", sqliteFile);
storeSuite("SQLite in memory", sqliteMemory);
