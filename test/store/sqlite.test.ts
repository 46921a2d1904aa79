// The contract on SQLite: in a file, and in memory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../src/store/store.ts";
import { storeSuite } from "./contract.ts";

storeSuite("SQLite file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "megallm-store-"));
  return {
    persistent: true,
    open: () => openStore({ path: join(folder, "megallm.db") }),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

storeSuite("SQLite in memory", async () => ({
  persistent: false,
  open: () => openStore({ path: ":memory:" }),
  dispose: async () => {},
}));
