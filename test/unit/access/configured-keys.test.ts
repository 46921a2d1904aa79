// Keys of the configuration, and requests of theirs that run on.
import { expect, test } from "bun:test";
import { createConfiguredKeys } from "../../../src/access/configured-keys.ts";
import { Secret } from "../../../src/lib/secret.ts";

const key = (name: string, secret = `secret of ${name}`) => ({ name, secret: new Secret(secret) });

test("who is not among the new keys is told once, by its name and without its secret", async () => {
  const keys = createConfiguredKeys();
  const told: string[] = [];
  for (const name of ["gone", "gone", "stays", "changed"]) {
    keys.watchKey(key(name), (error) => void told.push(`${error.code} ${error.message}`));
  }
  await Promise.resolve();
  expect(told).toEqual([]);
  const now = [key("stays"), key("changed", "another secret")];
  keys.follow({ keys: now, required: true });
  keys.follow({ keys: now, required: true });
  expect(told.map((text) => /`(\w+)`/.exec(text)?.[1])).toEqual(["gone", "gone", "changed"]);
  expect(told.join()).toContain("unauthenticated");
  expect(told.join()).not.toContain("secret of");
});

test("who was let in by the configuration before is told as soon as it is watched, unless it is watched no more", async () => {
  const keys = createConfiguredKeys();
  keys.follow({ keys: [], required: true });
  const told: string[] = [];
  keys.watchKey(key("late"), () => void told.push("late"));
  keys.watchKey(key("left"), () => void told.push("left"))();
  expect(told).toEqual([]);
  await Promise.resolve();
  expect(told).toEqual(["late"]);
});

test("where nobody needs a key, nobody loses one", async () => {
  const keys = createConfiguredKeys();
  const told: string[] = [];
  keys.watchKey(key("mine"), () => void told.push("mine"));
  keys.follow({ keys: [], required: false });
  await Promise.resolve();
  expect(told).toEqual([]);
});
