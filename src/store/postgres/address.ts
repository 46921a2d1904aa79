// Where a PostgreSQL database is and how it is reached: the URL of the `store` setting, checked.
import { Secret } from "../../lib/secret.ts";

/** As libpq defines them: from `verify-ca` on the server's certificate is checked. */
const tlsModes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Absent: what the environment says (`PGUSER`, then the name of the operating system's user). */
  readonly user?: string;
  /** Absent: what `PGPASSWORD` or the password file says. */
  readonly password?: Secret;
  readonly tls: (typeof tlsModes)[number];
  /** Files in PEM. */
  readonly rootCertificate?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Most connections at once. */
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly applicationName: string;
}

/** The URL is not one of a PostgreSQL database; the message never holds a part that may be secret. */
export class AddressError extends Error {
  override readonly name = "AddressError";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

const example =
  "e.g. `postgres://megallm:${PGPASSWORD}@db.example.com/megallm?sslmode=verify-full`";

/** Names that the parameters of the URL may have. */
const parameterNames = [
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "host",
  "pool_size",
  "connect_timeout",
  "statement_timeout",
  "application_name",
] as const;
type ParameterName = (typeof parameterNames)[number];

/**
 * Reads a `postgres://` URL.
 * @throws AddressError
 * @example parseAddress("postgres://megallm:secret@db.example.com/megallm?sslmode=verify-full")
 */
export function parseAddress(text: string): PostgresAddress {
  if (!/^postgres(?:ql)?:\/\//.test(text)) {
    throw new AddressError("this is no URL of a PostgreSQL database", `write one, ${example}`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new AddressError(
      "this URL cannot be read",
      "write `@ : / ? # %` in the user or the password as %40 %3A %2F %3F %23 %25",
    );
  }
  if (url.hash !== "") {
    throw new AddressError("the URL has a part behind a `#`", "write a `#` in the password as %23");
  }
  const parameters = readParameters(url);
  const host = parameters.host ?? decode(url.hostname, "the host");
  const user = decode(url.username, "the user");
  const password = decode(url.password, "the password");
  const database = decode(url.pathname.slice(1), "the database");
  if (host === "") throw new AddressError("the URL names no host", example);
  // An `@` there is a sign of a password that was not encoded.
  if (database === "" || /[/@]/.test(database)) {
    throw new AddressError("the URL names no database", `add its name after the host, ${example}`);
  }
  return {
    host: host.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 5432 : Number(url.port),
    database,
    tls: readTls(parameters, host),
    poolSize: readWhole(parameters, "pool_size", { fallback: 10, min: 2, max: 1_000 }),
    connectTimeoutMs:
      1_000 * readWhole(parameters, "connect_timeout", { fallback: 5, min: 1, max: 600 }),
    statementTimeoutMs:
      1_000 * readWhole(parameters, "statement_timeout", { fallback: 10, min: 1, max: 600 }),
    applicationName: parameters.application_name ?? "megallm",
    ...(user !== "" && { user }),
    ...(password !== "" && { password: new Secret(password) }),
    ...(parameters.sslrootcert !== undefined && { rootCertificate: parameters.sslrootcert }),
    ...(parameters.sslcert !== undefined && { certificate: parameters.sslcert }),
    ...(parameters.sslkey !== undefined && { key: parameters.sslkey }),
  };
}

/** For people: `host:port/database`, nothing of the credentials. */
export const describeAddress = ({ host, port, database }: PostgresAddress): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}/${database}`;

type Parameters = Partial<Record<ParameterName, string>>;

function readParameters(url: URL): Parameters {
  const found: Parameters = {};
  for (const [name, value] of url.searchParams) {
    const known = parameterNames.find((each) => each === name);
    if (!known) {
      // Not named: it may be a piece of a password with a `?` in it.
      throw new AddressError(
        "the URL has a parameter that is not known",
        `known are ${parameterNames.join(", ")}; a \`?\` in the password is written as %3F`,
      );
    }
    if (value === "" || value.includes("\0")) {
      throw new AddressError(`the parameter \`${known}\` of the URL is empty`, "leave it out");
    }
    found[known] = value;
  }
  return found;
}

function readTls(parameters: Parameters, host: string): PostgresAddress["tls"] {
  if (host.startsWith("/")) return "disable";
  const written = parameters.sslmode ?? "prefer";
  const mode = tlsModes.find((each) => each === written);
  if (!mode) {
    throw new AddressError(
      "the `sslmode` of the URL is none that is known",
      `known are ${tlsModes.join(", ")}`,
    );
  }
  // As libpq does: who names a root certificate wants it checked.
  return mode === "require" && parameters.sslrootcert !== undefined ? "verify-ca" : mode;
}

function readWhole(
  parameters: Parameters,
  name: ParameterName,
  { fallback, min, max }: { fallback: number; min: number; max: number },
): number {
  const written = parameters[name];
  if (written === undefined) return fallback;
  const value = /^\d{1,6}$/.test(written) ? Number(written) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new AddressError(
    `the parameter \`${name}\` of the URL is no whole number from ${min} to ${max}`,
    `leave it out for ${fallback}`,
  );
}

function decode(text: string, what: string): string {
  try {
    const decoded = decodeURIComponent(text);
    if (!decoded.includes("\0")) return decoded;
  } catch {
    // Told below.
  }
  throw new AddressError(
    `${what} in the URL is not percent-encoded text`,
    "write a `%` as %25 and leave no null character",
  );
}
