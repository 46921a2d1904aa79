// Whom a request counts for: found in a part of the body, as the whole of it would tell.
import { expect, test } from "bun:test";
import { dialects } from "../../../src/dialects/index.ts";
import type { DialectId } from "../../../src/ir/chat.ts";
import { demandOf } from "../../../src/pipeline/demand.ts";
import { inspect } from "../../../src/pipeline/inbound.ts";

const read = (id: DialectId, more: string) =>
  inspect(
    Buffer.from(
      `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]${more === "" ? "" : `,${more}`}}`,
    ),
    new Request("http://localhost/"),
    { dialect: dialects[id], operation: "chat" },
  );

test.each([
  ["anthropic-messages", '"metadata":{"user_id":"u-1"}', "u-1"],
  ["anthropic-messages", String.raw`"metad\u0061ta":{"user\u005fid":"u-1"}`, "u-1"],
  ["anthropic-messages", '"metadata":{"user_id":"a","user_id":"u-1"}', "u-1"],
  ["anthropic-messages", '"metadata":{}', null],
  ["anthropic-messages", '"metadata":null', null],
  ["anthropic-messages", "", null],
  ["openai-chat", '"user":"u-1"', "u-1"],
  ["openai-chat", '"user":"u-1","metadata":{"user_id":"other"}', "u-1"],
  ["openai-chat", '"metadata":{"user_id":"other"}', null],
] as const)("%s with %s", (id, more, user) => {
  const inbound = read(id, more);
  expect(inbound.chat().value.user ?? null).toBe(user);
  const unread = { ...read(id, more), chat: () => expect.unreachable("the body was read") };
  expect(demandOf(unread, []).user).toBe(user);
});

test.each([
  '"metadata":[1]',
  '"metadata":"u-1"',
  '"metadata":{"user_id":7}',
  '"metadata":{"__proto__":{"user_id":"u"}}',
])("what names nobody is nobody: %s", (more) => {
  expect(demandOf(read("anthropic-messages", more), []).user).toBeNull();
});
