// Every recorded request written in the other dialect: what it says arrives, and each loss has its warning.
import { describe, expect, test } from "bun:test";
import { dialects } from "../../src/dialects/index.ts";
import type { DialectId } from "../../src/ir/chat.ts";
import { GatewayError } from "../../src/ir/error.ts";
import type { Warning } from "../../src/ir/warning.ts";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import { type Exchange, exchangesOf } from "../support/wire/exchange.ts";
import { createTally, type Verdict } from "../support/wire/tally.ts";

describe("a recorded request in the other dialect", () => {
  for (const dialect of ["openai-chat", "anthropic-messages"] as const) {
    const exchanges = exchangesOf(dialect).filter(({ request }) => request !== null);
    test(`${dialect}: nothing is lost unseen (${exchanges.length} requests)`, () => {
      const tally = createTally(`${dialect} requests translated`);
      for (const exchange of exchanges) tally.add(exchange, check(exchange, dialect));
      tally.print();
      expect(tally.faults).toEqual([]);
    });
  }
});

function check({ request }: Exchange, dialect: DialectId): Verdict {
  const body = request?.body ?? {};
  const other = dialect === "openai-chat" ? "anthropic-messages" : "openai-chat";
  try {
    const { value, warnings } = dialects[dialect].request.decode({
      json: body,
      text: JSON.stringify(body),
    });
    const target = { provider: "recorded", model: "any", quirks: {}, facts: {} };
    const encoded = dialects[other].request.encode(value, target);
    const lost = lostFrom(body, JSON.parse(encoded.body), [...warnings, ...encoded.warnings]);
    return lost.length === 0 ? {} : { fault: `lost without a warning: ${lost.join(", ")}` };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.code !== "unsupported_feature") return { fault: error.message };
    return { exception: `refused: ${error.message}` };
  }
}

/** A value in a document and where it stands, e.g. `messages[0].content`. */
interface Leaf {
  path: string;
  value: unknown;
}

/** Leaves of `before` that neither stand in `after` nor are covered by a warning. */
function lostFrom(before: JsonObject, after: JsonObject, warnings: readonly Warning[]): string[] {
  const arrived = leavesOf(after).map(({ value }) => String(value));
  const text = arrived.join("\n");
  return leavesOf(before)
    .filter((leaf) => !isCarried(leaf, text, after))
    .filter(({ path }) => !warnings.some(({ field }) => isCovered(path, field)))
    .map(({ path, value }) => `${path} = ${JSON.stringify(value).slice(0, 80)}`);
}

function leavesOf(value: unknown, path = ""): Leaf[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, at) => leavesOf(item, `${path}[${at}]`));
  }
  if (!isObject(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([key, item]) =>
    leavesOf(item, path === "" ? key : `${path}.${key}`),
  );
}

const isCovered = (path: string, field: string): boolean =>
  path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`);

function isCarried({ path, value }: Leaf, text: string, after: JsonObject): boolean {
  if (value === null || value === "") return true;
  return typeof value === "string" && text.includes(value);
}
