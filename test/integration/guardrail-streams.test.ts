// S48, S34: what a guardrail withholds of an answer never leaves, whichever wire, however the stream is cut.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { banned, post, providersAt, startUpstream } from "../support/guarded.ts";
import {
  answerTo,
  type Piece,
  seenBy,
  type WireClient,
  wireClients,
} from "../support/guarded-streams.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";

const upstream = startUpstream();
let gateway: InProcess;

beforeAll(async () => {
  gateway = await startInProcess({
    providers: providersAt(upstream.url),
    guardrails: {
      fish: { type: "words", words: [banned], mode: "output" },
      mask: { type: "words", words: [banned], mode: "output", action: "mask" },
      pii: { type: "pii", mode: "output", action: "mask" },
    },
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.stop();
});

const ways = wireClients.flatMap((client): [string, WireClient, string][] => [
  [`${client.dialect}, translated or from its own`, client, "openai/gpt-4o"],
  ...(client.own && client.own !== "openai/gpt-4o"
    ? ([[`${client.dialect}, relayed`, client, client.own]] as [string, WireClient, string][])
    : []),
]);

async function ask(
  { dialect, request }: WireClient,
  model: string,
  { guardrails, pieces, stream = true }: { guardrails: string; pieces: Piece[]; stream?: boolean },
) {
  upstream.answer = (asked, body) => answerTo(asked, body, pieces);
  const { path, body } = request(model, stream);
  const answer = await gateway.fetch(
    path,
    post({ ...body }, { "x-megallm-guardrails": guardrails }),
  );
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const { usage } = await gateway.recorded(answer);
  const type = answer.headers.get("content-type") ?? "";
  const raw = Buffer.from(bytes).toString();
  const seen =
    answer.status === 200 && stream
      ? seenBy(dialect, bytes, type)
      : { said: {}, error: raw, isWhole: false };
  return { answer, raw, seen, usage };
}

const cutsOf = (text: string): Piece[][] =>
  Array.from({ length: text.length - 1 }, (_, at) => [
    { text: text.slice(0, at + 1) },
    { text: text.slice(at + 1) },
  ]);

const sentence = `so a ${banned} swims`;

describe.each(ways)("S34, S48 %s", (_name, client, model) => {
  test("a word is withheld wherever the stream is cut, and the stream ends with an error", async () => {
    for (const pieces of [...cutsOf(sentence), Array.from(sentence, (text) => ({ text }))]) {
      const { seen, raw, usage } = await ask(client, model, { guardrails: "fish", pieces });
      expect(raw).not.toContain(banned);
      expect("so a zebrafis".startsWith(seen.said["text"]?.trimEnd() ?? "")).toBe(true);
      expect(seen.said["text"] ?? "").not.toMatch(/z$/);
      expect(seen.error).toContain("The answer was withheld by a guardrail.");
      expect(seen.isWhole).toBe(false);
      expect(usage).toMatchObject({ errorCode: "guardrail_blocked", status: "error" });
      expect(usage.outputTokens).toBeGreaterThan(0);
      expect(usage.inputTokens).toBeGreaterThan(0);
      expect(usage.warnings[0]?.reason).toBe("guardrail `fish`: blocked (word)");
      expect(JSON.stringify(usage.warnings)).not.toContain(banned);
    }
  });

  test("a word is masked wherever the stream is cut", async () => {
    for (const pieces of [...cutsOf(sentence), Array.from(sentence, (text) => ({ text }))]) {
      const { seen, raw, usage } = await ask(client, model, { guardrails: "mask", pieces });
      expect(raw).not.toContain(banned);
      expect(seen).toEqual({ said: { text: "so a [word] swims" }, error: null, isWhole: true });
      expect(usage).toMatchObject({ errorCode: null, httpStatus: 200 });
    }
  });

  test("what is harmless comes as it came", async () => {
    const pieces = [{ text: "so a gold" }, { text: "fish swims. Zeb" }, { text: "ra? No." }];
    const { seen, answer } = await ask(client, model, { guardrails: "fish,mask,pii", pieces });
    expect(seen).toEqual({
      said: { text: "so a goldfish swims. Zebra? No." },
      error: null,
      isWhole: true,
    });
    expect(answer.headers.get("x-megallm-guardrails")).toBe("fish, mask, pii");
  });

  test("in reasoning and in the arguments of calls", async () => {
    for (const secret of [{ reasoning: "a zebra" }, { args: '{"q":"\\u007aebra' }]) {
      const kind = Object.keys(secret)[0] ?? "";
      const rest = kind === "args" ? 'fish"}' : "fish?";
      const pieces = [{ text: "well" }, secret, { [kind]: rest } as unknown as Piece];
      const { seen, usage } = await ask(client, model, { guardrails: "fish", pieces });
      const isShown = await showsKind(client, model, pieces, kind);
      // What the wire has no place for is not shown at all.
      if (!isShown) continue;
      expect(seen.error).toContain("withheld");
      expect(JSON.stringify(seen.said)).not.toContain("fish");
      expect(usage.errorCode).toBe("guardrail_blocked");
    }
  });

  test("a whole answer", async () => {
    const pieces = [{ text: sentence }];
    const blocked = await ask(client, model, { guardrails: "fish", pieces, stream: false });
    expect(blocked.answer.status).toBe(400);
    expect(blocked.raw).toContain("The answer was withheld by a guardrail.");
    expect(blocked.raw).not.toContain(banned);
    expect(blocked.usage).toMatchObject({
      errorCode: "guardrail_blocked",
      inputTokens: 7,
      outputTokens: 3,
    });
    const masked = await ask(client, model, { guardrails: "mask", pieces, stream: false });
    expect(masked.answer.status).toBe(200);
    expect(masked.raw).toContain("so a [word] swims");
    expect(masked.raw).not.toContain(banned);
  });
});

async function showsKind(
  client: WireClient,
  model: string,
  pieces: Piece[],
  kind: string,
): Promise<boolean> {
  const { seen } = await ask(client, model, { guardrails: "", pieces });
  return (seen.said[kind] ?? "") !== "";
}

describe("a relay", () => {
  const client = wireClients[0] as WireClient;
  const pieces = [{ text: "Hello the" }, { text: "re, all." }];

  test("with a guardrail that finds nothing has the bytes that it has without", async () => {
    const bare = await ask(client, "openai/gpt-4o", { guardrails: "", pieces });
    const guarded = await ask(client, "openai/gpt-4o", { guardrails: "fish,mask", pieces });
    expect(guarded.raw).toBe(bare.raw);
    expect(bare.answer.headers.has("x-megallm-guardrails")).toBe(false);
  });

  test("what is masked is cut out of the text alone", async () => {
    const bare = await ask(client, "openai/gpt-4o", {
      guardrails: "",
      pieces: [{ text: `a ${banned}!` }],
    });
    const guarded = await ask(client, "openai/gpt-4o", {
      guardrails: "mask",
      pieces: [{ text: `a ${banned}!` }],
    });
    expect(guarded.raw).toBe(bare.raw.replace(banned, "[word]"));
  });
});
