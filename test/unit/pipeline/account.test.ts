// The row of an attempt that is not over when its request is: another one has answered.
import { expect, test } from "bun:test";
import { GatewayError } from "../../../src/ir/error.ts";
import { createAccount, type AccountOptions } from "../../../src/pipeline/account.ts";

const account = () =>
  createAccount({
    requestId: "req_1",
    index: 1,
    operation: "chat",
    candidate: { provider: { name: "p", preset: { id: "p" } }, model: "m" },
    dialect: "openai-chat",
    relayed: true,
    content: undefined,
    requestStartedAt: 0,
    requestAtMs: 0,
    prices: [],
  } as unknown as AccountOptions);

test("it was stopped, however soon it hears of that", () => {
  const late = account();
  late.abandon();
  expect(late.row()).toMatchObject({ status: "client_closed", errorCode: "client_closed" });
  const stopped = account();
  stopped.abandon();
  stopped.finish(new GatewayError("client_closed", "Another attempt had answered first."));
  expect(stopped.row()).toMatchObject({ status: "client_closed", errorCode: "client_closed" });
});

test("one that is over ended as it did", () => {
  const failed = account();
  failed.finish(new GatewayError("upstream_invalid", "broken"));
  failed.abandon();
  expect(failed.row()).toMatchObject({ status: "error", errorCode: "upstream_invalid" });
  const good = account();
  good.finish(null);
  expect(good.row()).toMatchObject({ status: "ok", errorCode: null, httpStatus: 200 });
});
