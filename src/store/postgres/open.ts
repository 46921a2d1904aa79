// Opens a PostgreSQL database as a driver: one schema for any number of gateways, migrated by whoever comes first.
import {
  type ColumnDefinitionNode,
  DataTypeNode,
  Kysely,
  type KyselyPlugin,
  OperationNodeTransformer,
  PostgresDialect,
  type PostgresPool,
  type QueryId,
  RawNode,
  sql,
  type Transaction,
} from "kysely";
import { createId } from "../../lib/id.ts";
import type { Logger } from "../../lib/log.ts";
import type { Secret } from "../../lib/secret.ts";
import type { Driver } from "../driver.ts";
import { StoreError } from "../error.ts";
import { migrate, requireLatest, type Surroundings } from "../migrations/migrate.ts";
import type { Tables } from "../schema.ts";
import { AddressError, describeAddress, parseAddress, type PostgresAddress } from "./address.ts";
import { createSharedClock } from "./clock.ts";
import { explain } from "./explain.ts";
import { createOwners } from "./owners.ts";
import { chooseTls, type Connections, createConnections, type TlsChoice } from "./pool.ts";
import {
  callTransact,
  decodeOutcome,
  defineTransact,
  encodeWork,
  isDefined,
  lockSpace,
} from "./transact.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host/database?sslmode=…`, see {@link parseAddress}. */
  url: Secret;
  log?: Logger;
  readOnly?: boolean;
  /** After so long without a sign of life another gateway is gone, ms. Default 15,000. */
  leaseMs?: number;
}

/** Number of the lock that migrations hold; those of batches are below it. */
const migrationLock = 1_000;
const defaultLeaseMs = 15_000;
/** A server that is away does not keep a gateway from ending, ms. */
const farewellMs = 2_000;

/** @throws StoreError */
export async function openPostgres(options: PostgresOptions): Promise<Driver> {
  const { log, readOnly = false, leaseMs = defaultLeaseMs } = options;
  const address = readAddress(options.url);
  const place = describeAddress(address);
  const owner = createId("store");
  let connections: Connections | undefined;
  try {
    const tls = await chooseTls(address);
    await bringUpToDate(address, { tls, readOnly });
    connections = createConnections(address, tls);
    const pool = connections;
    const db = kyselyOn(pool);
    const owners = createOwners(db, { owner, leaseMs, ...(log && { log }) });
    const clock = createSharedClock(db, log);
    if (!readOnly) {
      await owners.begin();
      await clock.measure();
    }
    return {
      db,
      owner,
      clock: clock.now,
      recheckMs: leaseMs / 3,
      async transact(groups) {
        if (groups.length === 0) return [];
        try {
          const { rows } = await pool.query(callTransact, [encodeWork(groups)]);
          const [{ outcome }] = rows as [{ outcome: string }];
          return decodeOutcome(outcome, groups);
        } catch (error) {
          throw explain(place, error);
        }
      },
      async deadOwners(names) {
        try {
          await clock.measure();
          return await owners.dead(names);
        } catch (error) {
          throw explain(place, error);
        }
      },
      async usedBytes() {
        try {
          return await readUsedBytes(db);
        } catch (error) {
          throw explain(place, error);
        }
      },
      explain: (error) => explain(place, error),
      async close() {
        const farewell = async (): Promise<void> => {
          if (!readOnly) await owners.end();
          await pool.end();
        };
        // Where the server does not answer, the others find out when the lease is over.
        await Promise.race([farewell(), Bun.sleep(farewellMs)]);
      },
    };
  } catch (error) {
    await connections?.end();
    throw explain(place, error);
  }
}

/**
 * Files of tables never get smaller by deleting, so the rows count, each as wide as some of them are, with a third more
 * for indexes.
 */
async function readUsedBytes(db: Kysely<Tables>): Promise<number> {
  let bytes = 0;
  for (const table of ["usage", "attempt", "charge", "item", "body", "rollup"] as const) {
    const { rows } = await sql<{ live: bigint; width: number | null }>`
      select (select count(*) from ${sql.table(table)}) as live,
        (select avg(pg_column_size(part.*))::double precision
          from (select * from ${sql.table(table)} limit 200) as part) as width`.execute(db);
    const [{ live, width } = { live: 0n, width: null }] = rows;
    bytes += Number(live) * ((width ?? 0) + 28) * 1.33;
  }
  return Math.round(bytes);
}

function readAddress(url: Secret): PostgresAddress {
  try {
    return parseAddress(url.reveal());
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new StoreError("store_unavailable", `\`store\`: ${error.message}; ${error.hint}.`);
  }
}

const kyselyOn = (pool: PostgresPool): Kysely<Tables> =>
  new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });

/** On a connection of its own, which may take its time: what it waits for may be another gateway's migration. */
async function bringUpToDate(
  address: PostgresAddress,
  { tls, readOnly }: { tls: TlsChoice; readOnly: boolean },
): Promise<void> {
  const connections = createConnections({ ...address, poolSize: 1, statementTimeoutMs: 0 }, tls);
  const db = kyselyOn(connections);
  try {
    const schema = await inspect(db);
    if (readOnly) await requireLatest(db, { schema });
    else await migrate(db.withPlugin(binaryText), { schema, ...alone });
  } finally {
    await connections.end();
  }
}

/** The schema that tables go to. @throws StoreError when the database cannot hold a ledger */
async function inspect(db: Kysely<Tables>): Promise<string> {
  const { rows } = await sql<{ encoding: string; schema: string | null }>`
    select current_setting('server_encoding') as encoding, current_schema() as schema
  `.execute(db);
  const [{ encoding, schema } = { encoding: "", schema: null }] = rows;
  if (encoding !== "UTF8") {
    throw new StoreError(
      "store_unavailable",
      `The database has the encoding ${encoding}, which cannot hold every text. Create it with \`encoding 'UTF8' template template0\`.`,
    );
  }
  if (schema === null) {
    throw new StoreError(
      "store_unavailable",
      "The user has no schema to create tables in: its `search_path` names none that exists.",
    );
  }
  return schema;
}

/** One gateway migrates at a time; the next finds the work done. */
const alone: Pick<Surroundings, "before" | "after"> = {
  async before(transaction: Transaction<Tables>) {
    // It takes as long as it takes, in this transaction alone: pgbouncer gives the connection to others.
    await sql`set local statement_timeout = 0`.execute(transaction);
    await sql`set local idle_in_transaction_session_timeout = 0`.execute(transaction);
    await sql`select pg_advisory_xact_lock(${sql.lit(lockSpace())}, ${sql.lit(migrationLock)})`.execute(
      transaction,
    );
  },
  async after(transaction: Transaction<Tables>) {
    const { rows } = await sql.raw<{ defined: boolean }>(isDefined).execute(transaction);
    if (rows[0]?.defined !== true) await sql.raw(defineTransact).execute(transaction);
  },
};

/** Text in order of its bytes, as in SQLite: no locale decides, and no update of one breaks an index. */
class BinaryText extends OperationNodeTransformer {
  protected override transformColumnDefinition(
    node: ColumnDefinitionNode,
    queryId?: QueryId,
  ): ColumnDefinitionNode {
    const column = super.transformColumnDefinition(node, queryId);
    const isText = DataTypeNode.is(column.dataType) && column.dataType.dataType === "text";
    return isText ? { ...column, dataType: RawNode.createWithSql('text collate "C"') } : column;
  }
}

const transformer = new BinaryText();
const binaryText: KyselyPlugin = {
  transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
  transformResult: async ({ result }) => result,
};
