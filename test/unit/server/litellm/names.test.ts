// Ids of callers' own choice: one for each, free again when what they stood for is gone.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { bindName, forgetName, idOf, namesOf } from "../../../../src/server/litellm/names.ts";
import { openStore, type Store } from "../../../../src/store/store.ts";

let store: Store;
beforeEach(async () => {
  store = await openStore({ path: ":memory:" });
});
afterEach(() => store.close());

const by = { actor: "admin" };
const organization = async (): Promise<string> =>
  (await store.directory.organizations.create({ name: "acme" }, by)).id;

test("a name leads to its resource, and back", async () => {
  const id = await organization();
  expect(await idOf(store, "organization", "acme")).toBeNull();
  await bindName(store, "organization", { name: "acme", id });
  expect(await idOf(store, "organization", "acme")).toBe(id);
  expect(await idOf(store, "organization", id)).toBe(id);
  // The same word for another kind is another name.
  expect(await idOf(store, "team", "acme")).toBeNull();
  const nameOf = await namesOf(store, [id, null, "org_other"]);
  expect([nameOf(id), nameOf(null), nameOf("org_other")]).toEqual(["acme", null, "org_other"]);
});

test("of two that want a name one gets it", async () => {
  const [one, other] = [await organization(), await organization()];
  const tried = await Promise.allSettled([
    bindName(store, "organization", { name: "acme", id: one }),
    bindName(store, "organization", { name: "acme", id: other }),
  ]);
  expect(tried.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const id = await idOf(store, "organization", "acme");
  expect([one, other]).toContain(id ?? "");
});

test("a name whose resource is gone is free, whoever deleted it", async () => {
  const id = await organization();
  await bindName(store, "organization", { name: "acme", id });
  await store.directory.organizations.delete(id, by);
  expect(await idOf(store, "organization", "acme")).toBeNull();
  const next = await organization();
  await bindName(store, "organization", { name: "acme", id: next });
  expect(await idOf(store, "organization", "acme")).toBe(next);
  await forgetName(store, "organization", next);
  expect(await idOf(store, "organization", "acme")).toBeNull();
});

test("an id of the gateway's own is nobody's name", async () => {
  const [one, other] = [await organization(), await organization()];
  await bindName(store, "organization", { name: one, id: one });
  expect(bindName(store, "organization", { name: one, id: other })).rejects.toThrow(
    "looks like an id",
  );
});

test("a user is found by the address, too", async () => {
  const { id } = await store.directory.users.create({ email: "ada@example.com" }, by);
  expect(await idOf(store, "user", "Ada@Example.com")).toBe(id);
  expect(await idOf(store, "user", "a\u0000@b")).toBeNull();
});
