// Conversations with tools and thinking, before upstreams that want their signatures back: kept or dropped by the client.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isObject, type JsonObject } from "../../src/lib/json.ts";
import {
  type ClientDialect,
  clientDialects,
  type Keeping,
  toolName,
  type Told,
  type TurnClient,
} from "../support/turns/client.ts";
import {
  keys,
  openTurnStage,
  type OriginName,
  originNames,
  origins,
  type TurnStage,
} from "../support/turns/stage.ts";
import type { Answer } from "../support/upstream/upstream.ts";

const folder = mkdtempSync(join(tmpdir(), "megallm-turns-"));
let stage: TurnStage;
beforeAll(async () => {
  stage = await openTurnStage(join(folder, "store.db"));
});
afterAll(async () => {
  console.log(matrix());
  await stage.stop();
  rmSync(folder, { recursive: true });
});

const table = new Map<string, string[]>();
const note = (client: ClientDialect, origin: OriginName, what: string): void => {
  const cell = `${client} → ${origin}`;
  table.set(cell, [...(table.get(cell) ?? []), what]);
};

function matrix(): string {
  const width = 34;
  return [...table]
    .map(([cell, done]) => {
      const counts = new Map<string, number>();
      for (const what of done) counts.set(what, (counts.get(what) ?? 0) + 1);
      return cell.padEnd(width) + [...counts].map(([what, times]) => `${what} ${times}`).join(", ");
    })
    .join("\n");
}

const call = (city: string) => ({ name: toolName, args: { city, unit: "celsius", days: 2 } });
let serial = 0;
/** Every conversation calls for cities of its own, so that no two share a call. */
const city = (): string => `Town ${(serial += 1)}`;

const twoCalls = (): Answer => ({
  kind: "tool-calls",
  reasoning: "First I look at both places.",
  text: "Let me look.",
  calls: [call(city()), call(city())],
});
const oneCall = (): Answer => ({
  kind: "tool-calls",
  reasoning: "One more is missing.",
  calls: [call(city())],
});
const text = (words: string): Answer => ({ kind: "text", text: words, reasoning: "That is all." });

/** A conversation under way: `say` asks one upstream for the next answer. */
function converse(client: TurnClient, stream: boolean, before?: readonly JsonObject[]) {
  // What a conversation that failed has left.
  if (!before) for (const upstream of Object.values(stage.upstreams)) upstream.reset();
  const history = [...(before ?? client.user("How is the weather here and there?"))];
  const asked = (origin: OriginName): JsonObject => {
    const request = stage.upstreams[origin].requests.at(-1);
    return isObject(request?.parsed) ? request.parsed : {};
  };
  return {
    history,
    /** As `say`, where the upstream may refuse. */
    async tryToSay(origin: OriginName, answer: Answer): Promise<{ body: JsonObject }> {
      stage.upstreams[origin].script(answer);
      await client.ask(origin, history, stream).catch(() => undefined);
      return { body: asked(origin) };
    },
    async say(origin: OriginName, answer: Answer): Promise<{ told: Told; body: JsonObject }> {
      const upstream = stage.upstreams[origin];
      upstream.script(answer);
      const told = await client.ask(origin, history, stream);
      expect(upstream.requests.at(-1)?.refusal).toBeUndefined();
      return { told, body: asked(origin) };
    },
    answer(told: Told, keeping: Keeping): void {
      history.push(...client.back(told, keeping), ...client.results(told.calls));
    },
    user: (words: string): void => void history.push(...client.user(words)),
  };
}

const proofs = (origin: OriginName, body: JsonObject): number => origins[origin].proofs(body);

/** Four requests: two rounds of tools, an answer, and a word more. */
async function wholeConversation(
  client: TurnClient,
  origin: OriginName,
  keeping: Keeping,
  stream: boolean,
) {
  const { say, answer, user, history } = converse(client, stream);
  const first = await say(origin, twoCalls());
  expect(first.told.calls).toHaveLength(2);
  answer(first.told, keeping);
  const second = await say(origin, oneCall());
  expect(proofs(origin, second.body)).toBeGreaterThanOrEqual(1);
  // A relay is read only when it was refused.
  const isRelayed = origins[origin].dialect === client.dialect;
  const attempts = isRelayed && keeping === "plain" ? 2 : 1;
  expect(stage.exchanges.at(-1)?.attempts).toBe(attempts);
  expect(second.told.calls).toHaveLength(1);
  answer(second.told, keeping);
  const third = await say(origin, text("It rains."));
  expect(proofs(origin, third.body)).toBeGreaterThanOrEqual(2);
  expect(third.told.text).toBe("It rains.");
  history.push(...client.back(third.told, keeping));
  user("And tomorrow?");
  const last = await say(origin, text("Sun."));
  expect(last.told.text).toBe("Sun.");
}

describe.each(clientDialects)("a client of %s", (dialect) => {
  describe.each(originNames)("with %s", (origin) => {
    describe.each([true, false])("streamed: %p", (stream) => {
      test.each(["whole", "plain"] as const)("what comes back: %s", async (keeping) => {
        const client = stage.clients(keys.one)[dialect];
        await wholeConversation(client, origin, keeping, stream);
        note(dialect, origin, keeping);
      });
    });

    test("after a restart on the same store, what the client dropped is put back", async () => {
      const before = converse(stage.clients(keys.one)[dialect], true);
      const { told } = await before.say(origin, twoCalls());
      before.answer(told, "plain");
      await stage.restart();
      const after = converse(stage.clients(keys.one)[dialect], true, before.history);
      const { body } = await after.say(origin, text("Done."));
      expect(proofs(origin, body)).toBeGreaterThanOrEqual(1);
      note(dialect, origin, "restart");
    });

    test("another tenant gets nothing of it", async () => {
      const mine = converse(stage.clients(keys.one)[dialect], true);
      const { told } = await mine.say(origin, twoCalls());
      mine.answer(told, "plain");
      const theirs = converse(stage.clients(keys.two)[dialect], true, mine.history);
      const { body } = await theirs.tryToSay(origin, text("Done."));
      expect(proofs(origin, body)).toBe(0);
      note(dialect, origin, "other tenant");
    });

    test("a call with other arguments is not the one that was signed", async () => {
      const talk = converse(stage.clients(keys.one)[dialect], true);
      const { told } = await talk.say(origin, oneCall());
      talk.answer(told, "edited");
      const { body } = await talk.tryToSay(origin, text("Done."));
      expect(proofs(origin, body)).toBe(0);
      note(dialect, origin, "edited");
    });

    const others = originNames.filter((name) => name !== origin);
    describe.each(others)("and a turn of %s between", (other) => {
      test.each(["whole", "plain"] as const)("what comes back: %s", async (keeping) => {
        const talk = converse(stage.clients(keys.one)[dialect], true);
        const first = await talk.say(origin, twoCalls());
        talk.answer(first.told, keeping);
        const second = await talk.say(other, oneCall());
        if (!areOneFamily(origin, other)) {
          expect(proofs(other, second.body)).toBe(0);
          if (keeping === "whole") expect(stage.exchanges.at(-1)).toEqual(dropped);
        }
        talk.answer(second.told, keeping);
        const third = await talk.say(origin, text("It rains."));
        expect(third.told.text).toBe("It rains.");
        expect(proofs(origin, third.body)).toBeGreaterThanOrEqual(1);
        if (keeping === "whole" && !areOneFamily(origin, other)) {
          expect(proofs(origin, third.body)).toBe(1);
          expect(stage.exchanges.at(-1)).toEqual(dropped);
        }
        note(dialect, origin, `switch, ${keeping}`);
      });
    });
  });
});

test("a request that is wrong in itself is sent once, and refused in the provider's words", async () => {
  const { upstreams, clients } = stage;
  const talk = converse(clients(keys.one)["anthropic-messages"], false);
  const { told } = await talk.say("anthropic", twoCalls());
  talk.answer(told, "whole");
  talk.history.push({ role: "nobody", content: "x" });
  const before = upstreams.anthropic.requests.length;
  await talk.tryToSay("anthropic", text("Never."));
  expect(stage.exchanges.at(-1)?.status).toBe(400);
  expect(upstreams.anthropic.requests).toHaveLength(before + 1);
});

/** Claude's signatures hold wherever Claude is served. */
const areOneFamily = (one: OriginName, other: OriginName): boolean =>
  [one, other].every((name) => name === "anthropic" || name === "bedrock");

/** An answer that says in its head that reasoning went no further. */
const dropped = {
  status: 200,
  attempts: expect.any(Number),
  warnings: expect.arrayContaining([
    expect.objectContaining({ reason: expect.stringMatching(/another provider or model made/) }),
  ]),
};
