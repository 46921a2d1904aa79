// Connections to one PostgreSQL database: made when needed, thrown away when they fail, never the end of the process.
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { PostgresPool, PostgresPoolClient } from "kysely";
import { Client, type ClientConfig, Pool, type PoolClient, type QueryResult } from "pg";
import { StoreError } from "../error.ts";
import type { PostgresAddress } from "./address.ts";
import { isStatementError } from "./explain.ts";
import { storable } from "./transact.ts";

export interface Connections extends PostgresPool {
  /** One statement on any connection. */
  query(sql: string, parameters: readonly unknown[]): Promise<QueryResult>;
}

/** Time for the server's own refusal to arrive before the connection is given up, ms. */
const answerGraceMs = 1_000;
const idleMs = 60_000;

/** Makes none yet: the first query does. A statement timeout of 0: none of ours, the server's own holds. */
export function createConnections(address: PostgresAddress, tls: TlsChoice): Connections {
  const { statementTimeoutMs } = address;
  const pool = new Pool({
    ...clientConfig(address),
    ssl: tls,
    max: address.poolSize,
    idleTimeoutMillis: idleMs,
    ...(statementTimeoutMs > 0 && { query_timeout: statementTimeoutMs + answerGraceMs }),
  });
  // A connection that breaks while nobody uses it is replaced by the next that is needed.
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  const prepared = new WeakSet<PoolClient>();
  const connect = async (): Promise<Guarded> => {
    const client = await pool.connect();
    if (prepared.has(client)) return guard(client);
    try {
      await prepareSession(client, statementTimeoutMs);
      prepared.add(client);
      return guard(client);
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  return {
    options: {},
    connect: async () => (await connect()) as unknown as PostgresPoolClient,
    async query(sql, parameters) {
      const connection = await connect();
      try {
        return await connection.query(sql, parameters);
      } finally {
        connection.release();
      }
    },
    end: () => pool.end(),
  };
}

/** What of a connection is used, here and by Kysely. */
interface Guarded {
  readonly processID: number;
  query(sql: string, parameters: readonly unknown[]): Promise<QueryResult>;
  release(): void;
}

/** After any failure but a refused statement nobody knows what the connection will say next: it is closed. */
function guard(client: PoolClient): Guarded {
  let failure: Error | undefined;
  return {
    // Known, it saves Kysely from asking for it.
    processID: (client as unknown as { processID: number }).processID,
    async query(sql, parameters) {
      try {
        return await client.query(
          sql,
          parameters.map((value) => (typeof value === "string" ? storable(value) : value)),
        );
      } catch (error) {
        if (!isStatementError(error)) failure ??= error instanceof Error ? error : new Error();
        throw error;
      }
    },
    release: () => client.release(failure),
  };
}

/** What the ledger relies on, whatever the server's or the user's defaults are. */
async function prepareSession(client: PoolClient, timeoutMs: number): Promise<void> {
  if (timeoutMs > 0) {
    await client.query(
      `set statement_timeout = ${timeoutMs}; set idle_in_transaction_session_timeout = ${timeoutMs}`,
    );
  }
  await client.query("set default_transaction_isolation = 'read committed'");
}

function clientConfig(address: PostgresAddress): ClientConfig {
  return {
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    password: address.password?.reveal(),
    application_name: address.applicationName,
    connectionTimeoutMillis: address.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: (oid: number) => parserOf(oid) },
  };
}

const keepText = (text: string): unknown => text;
const toBigint = (text: string): unknown => BigInt(text);
const toNumber = (text: string): unknown => Number(text);
/** Sums of 64-bit integers: whole numbers, unless somebody divided them. */
const toWhole = (text: string): unknown => (/^-?\d+$/.test(text) ? BigInt(text) : Number(text));

/** Values as SQLite gives them: whole numbers as bigint, others as number, the rest as text. By type's OID. */
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map([
  [16, (text: string): unknown => text === "t"],
  [20, toBigint],
  [21, toBigint],
  [23, toBigint],
  [26, toBigint],
  [700, toNumber],
  [701, toNumber],
  [1700, toWhole],
]);

const parserOf = (oid: number): ((text: string) => unknown) => parsers.get(oid) ?? keepText;

export type TlsChoice = ConnectionOptions | false;

/**
 * How to speak TLS; with `prefer` the server is asked.
 * @throws StoreError when a certificate cannot be read, and what the connection throws
 */
export async function chooseTls(address: PostgresAddress): Promise<TlsChoice> {
  if (address.tls === "disable") return false;
  const options = tlsOptions(address);
  if (address.tls !== "prefer") return options;
  const probe = new Client({ ...clientConfig(address), ssl: options });
  probe.on("error", () => {});
  try {
    await probe.connect();
    await probe.end();
    return options;
  } catch (error) {
    const text = error instanceof Error ? error.message : "";
    if (text.startsWith("The server does not support SSL connections")) return false;
    throw error;
  }
}

function tlsOptions(address: PostgresAddress): ConnectionOptions {
  const { tls, rootCertificate, certificate, key, host } = address;
  const verified = tls === "verify-ca" || tls === "verify-full";
  return {
    rejectUnauthorized: verified,
    ...(tls === "verify-ca" && { checkServerIdentity: () => undefined }),
    ...(tls === "verify-full" && { host }),
    ...(rootCertificate !== undefined && { ca: readPem(rootCertificate, "sslrootcert") }),
    ...(certificate !== undefined && { cert: readPem(certificate, "sslcert") }),
    ...(key !== undefined && { key: readPem(key, "sslkey") }),
  };
}

function readPem(path: string, parameter: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new StoreError(
      "store_unavailable",
      `The file \`${path}\` that \`${parameter}\` of \`store\` names cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      error,
    );
  }
}
