// Keys of the directory: how they look, how they are hashed, and the server secret they are hashed under.
import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { randomSecret } from "../lib/id.ts";
import { Secret } from "../lib/secret.ts";
import { StoreError } from "../store/error.ts";

export interface KeyHasher {
  /** The keyed hash under which a key is stored: 64 hex digits. */
  hash(key: string): string;
  /** Tells server secrets apart without giving them away. */
  readonly mark: string;
}

const prefix = "sk-mega-";
const pattern = /^sk-mega-[A-Za-z0-9_-]{43}$/;

/** Characters of a server secret. */
const minSecret = 32;
const maxSecret = 1_024;

/** A new key: 256 random bits. */
export const generateKey = (): Secret => new Secret(`${prefix}${randomSecret(32)}`);

/** Whether it looks like a key of the directory; what does not is never hashed or looked up. */
export const isKey = (text: string): boolean => pattern.test(text);

/** What is shown of a key. */
export const last4 = (key: Secret): string => key.reveal().slice(-4);

/**
 * Hashes keys with HMAC-SHA256 under the server secret.
 * @throws StoreError `wrong_secret` for a secret that is empty or short: it would protect nothing.
 */
export function createKeyHasher(secret: Secret): KeyHasher {
  const text = secret.reveal();
  if (text.trim().length < minSecret || text.length > maxSecret) {
    throw new StoreError(
      "wrong_secret",
      `The server secret for keys needs ${minSecret} to ${maxSecret} characters. \`openssl rand -base64 32\` makes one.`,
    );
  }
  // Not WebCrypto: a key import that fails there breaks other hashes of this runtime.
  const key = createSecretKey(Buffer.from(text, "utf8"));
  const hmac = (what: string): string => createHmac("sha256", key).update(what).digest("hex");
  return {
    hash: (presented) => hmac(`key:${presented}`),
    mark: hmac("mark of the server secret").slice(0, 32),
  };
}

/** Compares two hashes in a time that tells nothing about where they differ. */
export const sameHash = (one: string, other: string): boolean => {
  const left = Buffer.from(one, "latin1");
  const right = Buffer.from(other, "latin1");
  return left.length === right.length && timingSafeEqual(left, right);
};

/** Where the generated server secret is kept. */
export const keySecretPath = (dataDir: string): string => join(dataDir, "key-secret");

/**
 * The server secret: the configured one, else the file `key-secret` of the data folder, made on first use with
 * 256 random bits and readable by its owner only.
 * @throws StoreError `wrong_secret` when the file holds something else: nothing is put over it.
 */
export function loadKeySecret(dataDir: string, configured: Secret | null): Secret {
  if (configured) return configured;
  const path = keySecretPath(dataDir);
  const present = read(path);
  if (present !== null) return present;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, `${randomSecret(32)}\n`);
    // Keys made under it are worthless without it.
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    chmodSync(draft, 0o600);
    linkSync(draft, path);
  } catch (error) {
    // Another process was faster; its secret holds.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const made = read(path);
  if (made === null) {
    throw new StoreError("wrong_secret", `The file \`${path}\` was removed while it was made.`);
  }
  return made;
}

function read(path: string): Secret | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  chmodSync(path, 0o600);
  if (text.length >= minSecret && text.length <= maxSecret) return new Secret(text);
  throw new StoreError(
    "wrong_secret",
    `The file \`${path}\` holds no server secret. Restore it: without it the virtual keys in the database do not work.`,
  );
}
