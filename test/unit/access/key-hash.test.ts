// Keys of the directory and the server secret. (S24, S25)
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createKeyHasher,
  generateKey,
  isKey,
  keySecretPath,
  last4,
  loadKeySecret,
  sameHash,
} from "../../../src/access/key-hash.ts";
import { Secret } from "../../../src/lib/secret.ts";

const secret = new Secret("0123456789abcdef0123456789abcdef");

describe("keys", () => {
  test("have 256 random bits and a form of their own", () => {
    const keys = Array.from({ length: 1_000 }, () => generateKey().reveal());
    expect(new Set(keys).size).toBe(1_000);
    for (const key of keys) {
      expect(key).toMatch(/^sk-mega-[A-Za-z0-9_-]{43}$/);
      expect(isKey(key)).toBe(true);
    }
    expect(String(generateKey())).toBe("***");
  });

  test.each([
    "",
    "sk-mega-",
    "sk-mega-short",
    `sk-mega-${"a".repeat(44)}`,
    `sk-${"a".repeat(48)}`,
    `sk-mega-${"a".repeat(42)}'`,
    `sk-mega-${"a".repeat(43)}\n`,
    "a".repeat(1_000_000),
  ])("%p is none", (text) => expect(isKey(text)).toBe(false));

  test("show their last four characters", () => {
    const key = generateKey();
    expect(key.reveal().endsWith(last4(key))).toBe(true);
    expect(last4(key)).toHaveLength(4);
  });
});

describe("hashes", () => {
  test("depend on key and secret, and are the same again", () => {
    const one = createKeyHasher(secret);
    const again = createKeyHasher(new Secret(secret.reveal()));
    const other = createKeyHasher(new Secret("another secret that is long enough"));
    const key = generateKey().reveal();
    expect(one.hash(key)).toMatch(/^[0-9a-f]{64}$/);
    expect(again.hash(key)).toBe(one.hash(key));
    expect(other.hash(key)).not.toBe(one.hash(key));
    expect(one.hash(generateKey().reveal())).not.toBe(one.hash(key));
    expect(again.mark).toBe(one.mark);
    expect(other.mark).not.toBe(one.mark);
    expect(one.mark).not.toContain(secret.reveal().slice(0, 8));
  });

  test("are compared whole", () => {
    const { hash } = createKeyHasher(secret);
    const one = hash("a");
    expect(sameHash(one, hash("a"))).toBe(true);
    expect(sameHash(one, hash("b"))).toBe(false);
    expect(sameHash(one, one.slice(1))).toBe(false);
    expect(sameHash("", one)).toBe(false);
  });

  test("S24: the comparison is the constant-time one", () => {
    const source = readFileSync(join(import.meta.dir, "../../../src/access/key-hash.ts"), "utf8");
    expect(source).toMatch(/timingSafeEqual\(left, right\)/);
    const users = readFileSync(join(import.meta.dir, "../../../src/access/directory.ts"), "utf8");
    expect(users).toMatch(/sameHash\(hash, presented\)/);
    expect(users).toMatch(/sameHash\(previousHash, presented\)/);
    expect(users).not.toMatch(/hash ===|=== hash|Hash ===|=== kept/);
  });

  test.each(["", " ".repeat(64), "short", "x".repeat(2_000)])(
    "S25: the secret %p is refused",
    (text) => {
      expect(() => createKeyHasher(new Secret(text))).toThrow(/needs 32 to 1024 characters/);
    },
  );
});

describe("the server secret", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "megallm-secret-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("is made once, for its owner only", () => {
    const made = loadKeySecret(join(folder, "data"), null);
    const path = keySecretPath(join(folder, "data"));
    expect(made.reveal()).toHaveLength(43);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(loadKeySecret(join(folder, "data"), null).reveal()).toBe(made.reveal());
  });

  test("loses permissions that others were given", () => {
    loadKeySecret(folder, null);
    chmodSync(keySecretPath(folder), 0o644);
    loadKeySecret(folder, null);
    expect(statSync(keySecretPath(folder)).mode & 0o777).toBe(0o600);
  });

  test("comes from the configuration where that has one", () => {
    expect(loadKeySecret(folder, secret).reveal()).toBe(secret.reveal());
    expect(statSync(keySecretPath(folder), { throwIfNoEntry: false })).toBeUndefined();
  });

  test.each(["", "\n", "short"])("S25: a file with %p is refused and stays", (text) => {
    writeFileSync(keySecretPath(folder), text);
    expect(() => loadKeySecret(folder, null)).toThrow(/holds no server secret/);
    expect(readFileSync(keySecretPath(folder), "utf8")).toBe(text);
  });
});
