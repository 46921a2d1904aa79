// An empty PostgreSQL database for a suite that runs on every driver, behind pgbouncer where that is asked for.
import type { Driver } from "../../src/store/driver.ts";
import { createStore } from "../../src/store/ledger.ts";
import { openPostgres } from "../../src/store/postgres/open.ts";
import type { Store } from "../../src/store/store.ts";
import type { StoreHarness } from "../store/contract.ts";
import { createFrontedDatabase } from "./pgbouncer.ts";
import type { PostgresServer } from "./postgres.ts";

export async function postgresDatabase(server: PostgresServer): Promise<StoreHarness> {
  const database = await server.createDatabase();
  const { url, stop } = await createFrontedDatabase(server, database);
  const drivers = new Map<Store, Driver>();
  return {
    persistent: true,
    location: { url: url.reveal() },
    async open(options) {
      const driver = await openPostgres({ url, ...options });
      const store = createStore(driver, options);
      drivers.set(store, driver);
      return store;
    },
    driver: () => openPostgres({ url }),
    kill: async (store) => drivers.get(store)?.close(),
    run: async (sql) => void (await database.query(sql)),
    async dispose() {
      await stop();
      await database.drop();
    },
  };
}
