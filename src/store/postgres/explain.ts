// PostgreSQL's refusals and the network's, as failures of the store: what passes, and what never will.
import { DatabaseError } from "pg";
import { StoreError } from "../error.ts";

/**
 * SQLSTATEs, or their first characters, after which the same statements may work: lost connections, full
 * disks and tables of processes, shutdowns and failovers, deadlocks, rights or a schema that somebody mends.
 */
const passing: readonly (readonly [start: string, advice: string])[] = [
  ["08", "Check the network and the server."],
  ["28", "Check the user and the password of `store`, and the server's pg_hba.conf."],
  ["3D", "Create the database, or name the right one in `store`."],
  ["3F", "Create the schema."],
  ["42501", "Give the user the rights on the tables that the migrations made."],
  ["42P01", "Tables are missing: restore the database, or start the gateway again to make them."],
  ["42703", "Columns are missing: restore the database."],
  ["42883", "Functions are missing: start the gateway again to make them."],
  ["25006", "The server takes no writes: it is a standby, or was made read-only."],
  ["25", "Check the server's log."],
  ["40", "It collided with another transaction."],
  ["53100", "Free disk space on the server."],
  ["53300", "Raise `max_connections` of the server, or lower `pool_size` in `store`."],
  ["53", "The server is short of memory, disk or connections."],
  ["55", "What it needs is held by somebody else."],
  ["57014", "It took longer than `statement_timeout` in `store`, or somebody cancelled it."],
  ["57", "The server is starting, stopping, or closed the connection."],
  ["58", "Check the server's disks and its log."],
  ["XX", "Check the server's log."],
];

const networkMessages =
  /^(?:Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout expired|timeout exceeded when trying to connect|The server does not support SSL connections|There was an error establishing an SSL connection|Received unexpected commandComplete)/;
const networkCodes = /^(?:E[A-Z0-9]{2,}|ERR_(?:TLS|SSL|SOCKET|STREAM)_|.*CERT|.*SIGNATURE)/;

/** What the database said about these statements: a failure of them, not of the connection. */
export const isStatementError = (error: unknown): boolean =>
  error instanceof DatabaseError && !/^(?:08|57P|25P)/.test(error.code ?? "");

/**
 * A failure as a StoreError; what is neither the server's nor the network's is given back as it is.
 * @param place `host:port/database`.
 */
export function explain(place: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof DatabaseError) {
    const code = error.code ?? "";
    const found = passing.find(([start]) => code.startsWith(start));
    if (found) return unavailable(place, `${error.message} (${code}). ${found[1]}`, error);
    return new StoreError(
      "invalid_row",
      `The database refused a statement: ${error.message} (${code}).`,
      error,
    );
  }
  const code = (error as { code?: unknown }).code;
  const isNetwork =
    networkMessages.test(error.message) || (typeof code === "string" && networkCodes.test(code));
  if (!isNetwork) return error;
  const said = error.message === "" ? "no connection" : error.message;
  const named = typeof code === "string" && !said.includes(code) ? ` (${code})` : "";
  return unavailable(place, `${said}${named}. ${networkAdvice(code)}`, error);
}

const unavailable = (place: string, what: string, cause: unknown): StoreError =>
  new StoreError(
    "store_unavailable",
    `The database \`${place}\` cannot be used now: ${what}`,
    cause,
  );

const networkAdvice = (code: unknown): string =>
  typeof code === "string" && /CERT|SIGNATURE|TLS|SSL/.test(code)
    ? "Name the certificate that signed the server's with `sslrootcert` in `store`."
    : "Check that the server runs and can be reached.";
