// The URL of a PostgreSQL database: what is understood, and that what is not never prints a password.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  AddressError,
  describeAddress,
  parseAddress,
} from "../../../src/store/postgres/address.ts";

const failureOf = (url: string): AddressError => {
  try {
    parseAddress(url);
  } catch (error) {
    if (error instanceof AddressError) return error;
    throw error;
  }
  throw new Error(`understood: ${url}`);
};

describe("an address", () => {
  test("of a whole URL", () => {
    const { password, ...address } = parseAddress(
      "postgres://me%40x:p%2Fw%25@db.example.com:6000/led%20ger?sslmode=verify-full&sslrootcert=/ca.pem&pool_size=4&connect_timeout=2&statement_timeout=30&application_name=gw",
    );
    expect(password?.reveal()).toBe("p/w%");
    expect(address).toEqual({
      host: "db.example.com",
      port: 6000,
      database: "led ger",
      user: "me@x",
      tls: "verify-full",
      rootCertificate: "/ca.pem",
      poolSize: 4,
      connectTimeoutMs: 2_000,
      statementTimeoutMs: 30_000,
      applicationName: "gw",
    });
  });

  test("of a short URL, a socket, an IPv6 address", () => {
    expect(parseAddress("postgresql://db/ledger")).toMatchObject({
      host: "db",
      port: 5432,
      database: "ledger",
      tls: "prefer",
      poolSize: 10,
    });
    expect(parseAddress("postgres:///ledger?host=/run/postgresql&sslmode=require")).toMatchObject({
      host: "/run/postgresql",
      tls: "disable",
    });
    const six = parseAddress("postgres://u@[::1]:5433/l");
    expect(six.host).toBe("::1");
    expect(describeAddress(six)).toBe("[::1]:5433/l");
    expect(parseAddress("postgres://h/l?sslmode=require&sslrootcert=/ca").tls).toBe("verify-ca");
  });

  test.each([
    ["mysql://h/l", "no URL of a PostgreSQL database"],
    ["postgres://", "no host"],
    ["postgres://h", "no database"],
    ["postgres://h/", "no database"],
    ["postgres://h/a/b", "no database"],
    ["postgres://h:99999/l", "cannot be read"],
    ["postgres://u:p/w@h/l", "cannot be read"],
    ["postgres://u:p#w@h/l", "cannot be read"],
    ["postgres://u:1/3@h", "no database"],
    ["postgres://u:12#3@h/l", "`#`"],
    ["postgres://u:12?3@h/l", "not known"],
    ["postgres://u:%zz@h/l", "percent-encoded"],
    ["postgres://h/l?sslmode=maybe", "sslmode"],
    ["postgres://h/l?pool_size=0", "pool_size"],
    ["postgres://h/l?pool_size=1e3", "pool_size"],
    ["postgres://h/l?sslrootcert=", "empty"],
    ["postgres://h/l?options=-c%20x", "not known"],
  ])("%s is refused", (url, message) => {
    expect(failureOf(url).message).toContain(message);
  });

  test("any password: understood when it is encoded, never printed when it is not", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 20 }), (password) => {
        fc.pre(!password.includes("\0"));
        const whole = password.isWellFormed();
        if (whole) {
          const url = `postgres://u:${encodeURIComponent(password)}@h/l`;
          expect(parseAddress(url).password?.reveal()).toBe(password);
          expect(describeAddress(parseAddress(url))).toBe("h:5432/l");
        }
        const marked = `Zq7${password}Zq7`;
        let told: string;
        try {
          told = describeAddress(parseAddress(`postgres://u:${marked}@h/l`));
        } catch (error) {
          if (!(error instanceof AddressError)) throw error;
          told = `${error.message} ${error.hint}`;
        }
        expect(told.toLowerCase()).not.toContain("zq7");
      }),
      { numRuns: 500 },
    );
  });
});
