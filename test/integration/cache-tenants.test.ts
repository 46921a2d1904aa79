// S29: what one tenant was answered, no other one is given; 10,000 pairs, streamed and not, and the scopes that share on purpose.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { makeKey, makeTeam } from "../support/virtual-keys.ts";

const pairs = 10_000;
const body = (text: string, stream: boolean): string =>
  JSON.stringify({ model: "demo/echo", stream, messages: [{ role: "user", content: text }] });

async function ask(gateway: InProcess, key: string, asked: { text: string; stream: boolean }) {
  const answer = await gateway.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: body(asked.text, asked.stream),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  return answer.headers.get("x-megallm-cache");
}

const startWith = (scope: string): Promise<InProcess> =>
  startInProcess({
    providers: { demo: {} },
    server: { require_key: "always" },
    cache: { ttl: "1h", scope, max_size: "1gb" },
  });

describe("10,000 pairs", () => {
  let gateway: InProcess;
  beforeAll(async () => {
    gateway = await startWith("key");
  });
  afterAll(() => gateway.close());

  test("S29: the same body by another key is never a hit, nor is it by the next team's", async () => {
    const teams = await Promise.all([makeTeam(gateway), makeTeam(gateway)]);
    const keys = await Promise.all(
      Array.from({ length: 20 }, (_, at) => makeKey(gateway, { team_id: teams[at % 2] })),
    );
    let [hits, own, next] = [0, 0, 0];
    const pair = async (at: number): Promise<void> => {
      const [one, other] = [keys[at % 20], keys[(at + 1 + (at % 19)) % 20]];
      if (!one || !other) throw new Error("there are too few keys");
      const asked = { text: `pair ${at}`, stream: at % 2 === 0 };
      await ask(gateway, one.key, asked);
      const stream = at % 4 < 2;
      if ((await ask(gateway, other.key, { ...asked, stream })) === "hit") hits += 1;
      // It is there: whoever it was made for gets it, in either form.
      const isOwn = at % 100 === 0 && (await ask(gateway, one.key, { ...asked, stream })) === "hit";
      if (isOwn) own += 1;
    };
    const work = async (): Promise<void> => {
      while (next < pairs) {
        next += 1;
        await pair(next - 1);
      }
    };
    await Promise.all(Array.from({ length: 32 }, work));
    expect([hits, own]).toEqual([0, pairs / 100]);
    console.log(`S29: ${pairs} pairs, ${hits} hits across keys`);
  }, 1_200_000);
});

describe("S29: scopes", () => {
  test.each([
    ["key", [false, false, false]],
    ["team", [true, false, false]],
    ["organization", [true, false, false]],
    ["gateway", [true, true, true]],
  ] as const)("%s: a colleague, another organization, a key of nobody's", async (scope, shared) => {
    const gateway = await startWith(scope);
    try {
      const [team, other] = await Promise.all([makeTeam(gateway), makeTeam(gateway)]);
      const [mine, colleague, stranger, nobody, nobodyElse] = await Promise.all(
        [{ team_id: team }, { team_id: team }, { team_id: other }, {}, {}].map((fields) =>
          makeKey(gateway, fields),
        ),
      );
      if (!mine || !colleague || !stranger || !nobody || !nobodyElse) throw new Error("no keys");
      const asked = { text: "the same for all", stream: false };
      expect(await ask(gateway, mine.key, asked)).toBe("miss");
      const found = [];
      for (const { key } of [colleague, stranger, nobody]) {
        found.push((await ask(gateway, key, asked)) === "hit");
      }
      expect(found).toEqual([...shared]);
      // Keys without a team or an organization share with nobody, not even with each other.
      expect(await ask(gateway, nobodyElse.key, asked)).toBe(scope === "gateway" ? "hit" : "miss");
      expect(await ask(gateway, mine.key, asked)).toBe("hit");
    } finally {
      await gateway.close();
    }
  });

  test("a namespace, a model name or a header that a caller makes up opens nothing", async () => {
    const gateway = await startWith("key");
    try {
      const [one, other] = await Promise.all([makeKey(gateway), makeKey(gateway)]);
      const asked = { text: "secret", stream: false };
      await ask(gateway, one.key, asked);
      const tries = [
        { headers: { "x-megallm-cache": "only" } },
        { headers: { "x-megallm-cache": "only", "x-megallm-key": one.id } },
        { more: { cache: { namespace: `key ${one.id}` } } },
        { more: { cache: { "use-cache": true, key: one.id, scope: "gateway" } } },
        { more: { user: one.id } },
      ];
      for (const { headers = {}, more = {} } of tries as {
        headers?: Record<string, string>;
        more?: object;
      }[]) {
        const answer = await gateway.fetch("/v1/chat/completions", {
          method: "POST",
          headers: { authorization: `Bearer ${other.key}`, ...headers },
          body: JSON.stringify({ ...JSON.parse(body("secret", false)), ...more }),
        });
        await answer.text();
        expect(answer.headers.get("x-megallm-cache")).not.toBe("hit");
      }
    } finally {
      await gateway.close();
    }
  });

  test("an answer that can be gone on from by its id stays with its key, whatever the scope", async () => {
    const gateway = await startWith("gateway");
    try {
      const [one, other] = await Promise.all([makeKey(gateway), makeKey(gateway)]);
      const respond = async (key: string, more: object = {}) => {
        const answer = await gateway.fetch("/v1/responses", {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ model: "demo/echo", input: "Hello", ...more }),
        });
        await answer.text();
        return answer.headers.get("x-megallm-cache");
      };
      expect([await respond(one.key), await respond(other.key), await respond(one.key)]).toEqual([
        "miss",
        "miss",
        "hit",
      ]);
      const store = { store: false };
      expect([await respond(one.key, store), await respond(other.key, store)]).toEqual([
        "miss",
        "hit",
      ]);
    } finally {
      await gateway.close();
    }
  });
});
